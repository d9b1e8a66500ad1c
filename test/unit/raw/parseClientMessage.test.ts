import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIONS } from '../../../src/core/subscription.ts';
import { parseClientMessage } from '../../../src/raw/parseClientMessage.ts';

const parse = (message: unknown) => parseClientMessage(JSON.stringify(message));
const NO_CREDENTIALS = { apiKey: null, apiSecret: null, accountId: null, token: null };
const subscribe = { action: 'subscribe', symbols: ['BTCUSDT'] };

describe('a well-formed message', () => {
  it('to subscribe gets the defaults for what it leaves out', () => {
    expect(parse(subscribe).message).toEqual({
      action: 'subscribe',
      broker: null,
      symbols: ['BTCUSDT'],
      types: ['tick'],
      options: DEFAULT_OPTIONS,
      resume: null,
    });
  });

  it('to subscribe keeps what it says, with each symbol and type once', () => {
    const options = { interval: '5m', depth: 5, book: 'delta', throttleMs: 250, snapshot: false, history: 20 };
    const symbols = ['A', 'B', 'A'];
    const types = ['trade', 'candle', 'trade'];
    const text = '1abcdefghABCDEFGHIJKL7-1000-42';
    const place = { timeMs: 1_000, tradeId: '42' };
    const resume = [{ text, stream: 'abcdefgh', epoch: 'ABCDEFGHIJKL', sequence: 7, place }];
    expect(parse({ action: 'subscribe', id: 7, broker: 'binance', symbols, types, options, resume: [text] })).toEqual({
      id: 7,
      message: {
        action: 'subscribe',
        broker: 'binance',
        symbols: ['A', 'B'],
        types: ['trade', 'candle'],
        options,
        resume,
      },
    });
  });

  it('to unsubscribe is not limited by what it leaves out', () => {
    expect(parse({ action: 'unsubscribe' }).message).toEqual({
      action: 'unsubscribe',
      broker: null,
      symbols: null,
      types: null,
    });
  });

  it.each([
    ['authenticate', { action: 'authenticate', broker: 'oanda', credentials: { ...NO_CREDENTIALS, token: 'x' } }],
    ['auth', { action: 'authenticate', broker: 'oanda', credentials: { ...NO_CREDENTIALS, token: 'x' } }],
    ['ping', { action: 'ping' }],
    ['list', { action: 'list' }],
  ])('to %s is read, and unknown members are ignored', (action, expected) => {
    expect(parse({ action, broker: 'oanda', credentials: { token: 'x' }, later: 1 }).message).toEqual(expected);
  });

  it('to authenticate with a broker keeps the given credentials', () => {
    const credentials = { apiKey: 'k', apiSecret: 's', accountId: 'a', token: 't' };
    expect(parse({ action: 'auth', broker: 'oanda', credentials }).message).toEqual({
      action: 'authenticate',
      broker: 'oanda',
      credentials,
    });
  });

  it.each([
    [{ token: 't' }, { kind: 'token', token: 't' }],
    [{ apiKey: 'k' }, { kind: 'apiKey', apiKey: 'k' }],
    [{ session: 's' }, { kind: 'session', session: 's' }],
  ])('to auth without a broker is a login to the gateway with %j', (credentials, login) => {
    expect(parse({ action: 'auth', credentials }).message).toEqual({ action: 'logIn', login });
  });

  it.each([['a'], ['x'.repeat(128)], [0], [-1.5], [2 ** 53 - 1]])('is read with its id %j', (id) => {
    expect(parse({ action: 'ping', id })).toEqual({ id, message: { action: 'ping' } });
  });
});

describe('a member that is null is as if it were not there', () => {
  const plain = { action: 'subscribe', symbols: ['BTCUSDT'] };
  const option = (name: string): [string, object, object] => [name, { ...plain, options: { [name]: null } }, plain];
  it.each<[string, object, object]>([
    ['id', { action: 'ping', id: null }, { action: 'ping' }],
    ['broker, types and options', { ...plain, broker: null, types: null, options: null }, plain],
    ...['interval', 'depth', 'book', 'throttleMs', 'snapshot'].map(option),
    [
      'symbols, broker and types of unsubscribe',
      { action: 'unsubscribe', broker: null, symbols: null, types: null },
      { action: 'unsubscribe' },
    ],
    [
      'the broker of auth',
      { action: 'auth', broker: null, credentials: { token: 't', apiKey: null, session: null } },
      { action: 'auth', credentials: { token: 't' } },
    ],
    [
      'a credential for a broker',
      { action: 'authenticate', broker: 'oanda', credentials: { token: 't', apiKey: null, apiSecret: null } },
      { action: 'authenticate', broker: 'oanda', credentials: { token: 't' } },
    ],
  ])('%s', (_name, withNulls, without) => {
    expect(parse(withNulls)).toEqual(parse(without));
    expect(parse(withNulls).error).toBeUndefined();
  });
});

it('skips a byte order mark before a message', () => {
  expect(parseClientMessage(`\u{FEFF}${JSON.stringify({ action: 'ping', id: 7 })}`)).toEqual({
    id: 7,
    message: { action: 'ping' },
  });
});

describe('a bad message is refused as BAD_REQUEST, naming the field, what was found and what was expected:', () => {
  it.each<[string, string, RegExp]>([
    ['text that is not JSON', '{', /not valid JSON/],
    ['nothing', '', /not valid JSON/],
    ['a list', '[]', /not a JSON object/],
    ['a string', '"subscribe"', /not a JSON object/],
    ['null', 'null', /not a JSON object/],
    ['a poisoned key', '{"__proto__":{"action":"ping"},"action":"ping"}', /__proto__/],
    ['a poisoned key deep down', '{"action":"ping","options":{"constructor":{"prototype":1}}}', /constructor/],
    ['deep nesting', `{"action":"ping","x":${'['.repeat(9)}${']'.repeat(9)}}`, /deeper than 8/],
    ['very deep nesting', `{"action":"ping","x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, /deeper than 8|JSON/],
    ['no action', '{}', /^action is missing; expected one of subscribe, /],
    ['an unknown action', '{"action":"Subscribe"}', /^action is "Subscribe"; expected one of/],
    ['an action of another type', '{"action":["subscribe"]}', /^action is a list;/],
    ['a huge id', `{"action":"ping","id":"${'x'.repeat(129)}"}`, /^id is "x+…"; expected a string of at most 128/],
    ['an id beyond exactness', '{"action":"ping","id":9007199254740993}', /^id is 9007199254740992;/],
    ['an infinite id', '{"action":"ping","id":1e999}', /^id is Infinity;/],
    ['an id that is an object', '{"action":"ping","id":{"a":1}}', /^id is an object;/],
    ['a null action', '{"action":null}', /^action is missing;/],
    ['null symbols', '{"action":"subscribe","symbols":null}', /^symbols is missing;/],
    ['a null symbol', '{"action":"subscribe","symbols":[null]}', /^symbols\[0\] is null; expected a symbol/],
    ['two byte order marks', '\u{FEFF}\u{FEFF}{"action":"ping"}', /not valid JSON/],
    ['no symbols', '{"action":"subscribe"}', /^symbols is missing; expected a list of at least one symbol/],
    ['an empty list of symbols', '{"action":"subscribe","symbols":[]}', /^symbols is an empty list;/],
    ['symbols as a string', '{"action":"subscribe","symbols":"BTCUSDT"}', /^symbols is "BTCUSDT";/],
    ['symbols of another type', '{"action":"subscribe","symbols":["A",1]}', /^symbols\[1\] is 1; expected a symbol/],
    ['an empty symbol', '{"action":"subscribe","symbols":[""]}', /^symbols\[0\] is "";/],
    ['an endless symbol', `{"action":"subscribe","symbols":["${'x'.repeat(65)}"]}`, /^symbols\[0\] is .*64 characters/],
    ['empty symbols to unsubscribe', '{"action":"unsubscribe","symbols":[]}', /^symbols is an empty list;/],
  ])('%s', (_name, text, message) => {
    const { error } = parseClientMessage(text);
    expect(error?.code).toBe('BAD_REQUEST');
    expect(error?.message).toMatch(message);
  });

  it.each<[string, object, RegExp]>([
    ['broker of another type', { broker: 1 }, /^broker is 1; expected a broker's id/],
    ['an empty broker', { broker: '' }, /^broker is "";/],
    ['empty types', { types: [] }, /^types is an empty list; expected a list of at least one of tick, candle/],
    [
      'an unknown type',
      { types: ['tick', 'TRADE'] },
      /^types\[1\] is "TRADE"; expected one of tick, candle, orderbook/,
    ],
    ['types as a string', { types: 'tick' }, /^types is "tick";/],
    ['options of another type', { options: [] }, /^options is an empty list; expected an object/],
    ['an unknown option', { options: { throttle: 5 } }, /^options has "throttle"; expected only interval, depth, /],
    ['an unknown interval', { options: { interval: '2m' } }, /^options.interval is "2m"; expected one of 1s, 5s, 1m/],
    ['an inherited name as interval', { options: { interval: 'toString' } }, /^options.interval is "toString";/],
    ['a depth of 0', { options: { depth: 0 } }, /^options.depth is 0; expected a whole number from 1 to 1000/],
    ['a depth of 1001', { options: { depth: 1_001 } }, /^options.depth is 1001;/],
    ['a broken depth', { options: { depth: 1.5 } }, /^options.depth is 1.5;/],
    ['a depth as a string', { options: { depth: '5' } }, /^options.depth is "5";/],
    ['a negative throttle', { options: { throttleMs: -1 } }, /^options.throttleMs is -1; expected .* 0 to 60000/],
    ['a throttle of over a minute', { options: { throttleMs: 60_001 } }, /^options.throttleMs is 60001;/],
    ['an unknown book', { options: { book: 'full' } }, /^options.book is "full"; expected one of snapshot, delta/],
    ['a snapshot of another type', { options: { snapshot: 1 } }, /^options.snapshot is 1; expected true or false/],
  ])('%s', (_name, members, message) => {
    const { error, id } = parse({ ...subscribe, id: 'mine', ...members });
    expect(id).toBe('mine');
    expect(error?.code).toBe('BAD_REQUEST');
    expect(error?.message).toMatch(message);
  });
});

describe('bad credentials are refused as BAD_REQUEST, which names what is needed and never what was found:', () => {
  const broker = 'oanda';
  it.each<[string, object, RegExp]>([
    ['none', { broker }, /^credentials is missing; expected an object with .* apiKey, apiSecret, accountId, token/],
    ['none to log in', {}, /^credentials is missing; expected an object with one of token, apiKey, session/],
    ['empty ones', { broker, credentials: {} }, /^credentials is empty;/],
    ['a string', { broker, credentials: 'canary' }, /^credentials is no object;/],
    ['a list', { credentials: ['canary'] }, /^credentials is no object;/],
    ['null', { credentials: null }, /^credentials is missing;/],
    ['a null token', { broker, credentials: { token: null } }, /^credentials is empty;/],
    ['an unknown member', { broker, credentials: { canary: 'canary' } }, /expected only apiKey, apiSecret, accountId/],
    ['a session for a broker', { broker, credentials: { session: 'canary' } }, /expected only apiKey, apiSecret/],
    ['a secret to log in', { credentials: { apiSecret: 'canary' } }, /expected only token, apiKey, session/],
    ['two logins', { credentials: { token: 'canary', apiKey: 'canary' } }, /^credentials has token and apiKey;/],
    ['an empty token', { broker, credentials: { token: '' } }, /^credentials.token: expected text of 1 to 8192/],
    ['a token of another type', { credentials: { token: { canary: 1 } } }, /^credentials.token: expected text/],
    ['an endless token', { credentials: { token: 'canary'.repeat(2_000) } }, /^credentials.token: expected text/],
  ])('%s', (_name, members, message) => {
    const { error, id } = parse({ action: 'auth', id: 'mine', ...members });
    expect([id, error?.code]).toEqual(['mine', 'BAD_REQUEST']);
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('canary');
  });

  it('in authenticate without a broker', () => {
    const { error } = parse({ action: 'authenticate', credentials: { token: 'canary' } });
    expect(error?.message).toMatch(/^broker is missing; expected a broker's id/);
  });

  it('in a message that is not JSON, even in the cause of the error', () => {
    const { error } = parseClientMessage('{"action":"auth","credentials":{"token":"canary}');
    expect([error?.code, error?.details.cause]).toEqual(['BAD_REQUEST', undefined]);
  });
});

describe('any message of a client', () => {
  it('is read or refused, and never throws', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const { error, message } = parseClientMessage(text);
        expect((error === undefined) !== (message === undefined)).toBe(true);
        if (error !== undefined) expect(error.code).toBe('BAD_REQUEST');
      }),
    );
  });

  it('with any members under known names is read or refused, and never throws', () => {
    const member = fc.jsonValue();
    const names = ['id', 'broker', 'symbols', 'types', 'options', 'credentials'];
    const action = fc.constantFrom('subscribe', 'unsubscribe', 'auth', 'ping', 'list');
    const messages = fc.record({ action, members: fc.dictionary(fc.constantFrom(...names), member) });
    fc.assert(
      fc.property(messages, ({ action: name, members }) => {
        const { error, message } = parse({ action: name, ...members });
        expect(error?.code ?? message?.action).toBeDefined();
        expect(error?.code ?? 'BAD_REQUEST').toBe('BAD_REQUEST');
      }),
    );
  });
});

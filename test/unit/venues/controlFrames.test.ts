import { describe, expect, it } from 'vitest';
import { answerControlFrame } from '../../venues/binance/controlFrames.ts';
import type { ControlOutcome } from '../../venues/binance/controlFrames.ts';

const LIMITS = { maxStreams: 3, stringIds: 'silent' } as const;

function ask(text: string, streams: readonly string[] = []): ControlOutcome {
  return answerControlFrame(text, { streams: new Set(streams), combined: false }, LIMITS);
}

function reply(text: string, streams: readonly string[] = []): string | null {
  const outcome = ask(text, streams);
  return outcome.kind === 'silent' ? null : outcome.reply;
}

const VARIANTS = '`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`';

describe('a control frame gets the venue’s answer:', () => {
  it.each([
    ['SUBSCRIBE', '{"method":"SUBSCRIBE","params":["a@trade"],"id":1}', '{"result":null,"id":1}'],
    [
      'UNSUBSCRIBE for an unknown stream',
      '{"method":"UNSUBSCRIBE","params":["a@trade"],"id":7}',
      '{"result":null,"id":7}',
    ],
    ['an id of null', '{"method":"SUBSCRIBE","params":["a@trade"],"id":null}', '{"result":null,"id":null}'],
    ['no id', '{"method":"UNSUBSCRIBE","params":["a@trade"]}', '{"result":null,"id":null}'],
    ['a negative id', '{"method":"SUBSCRIBE","params":[],"id":-1}', idError()],
    ['an id that is an object', '{"method":"SUBSCRIBE","params":[],"id":{}}', idError()],
    ['a name in upper case', '{"method":"SUBSCRIBE","params":["BTCUSDT@trade"],"id":2}', '{"result":null,"id":2}'],
    [
      'a name that is not text',
      '{"method":"SUBSCRIBE","params":[7],"id":2}',
      error(2, 'Invalid request: invalid stream', 2),
    ],
    [
      'a lower-case method',
      '{"method":"subscribe","id":3}',
      error(2, `Invalid request: unknown variant \`subscribe\`, expected one of ${VARIANTS}`, 3),
    ],
    ['no method', '{"params":[],"id":3}', error(2, 'Invalid request: missing field `method`', 3)],
    ['an array', '[]', error(2, 'Invalid request: missing field `method`', null)],
    [
      'LIST with parameters',
      '{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":4}',
      error(2, 'Invalid request: too many parameters', 4),
    ],
    ['GET_PROPERTY', '{"method":"GET_PROPERTY","params":["combined"],"id":5}', '{"result":false,"id":5}'],
    ['an unknown property', '{"method":"GET_PROPERTY","params":["speed"],"id":5}', error(0, 'Unknown property', 5)],
    [
      'a property without a name',
      '{"method":"SET_PROPERTY","params":[],"id":5}',
      error(2, 'Invalid request: property name must be a string', 5),
    ],
    [
      'a property that is not a boolean',
      '{"method":"SET_PROPERTY","params":["combined",1],"id":5}',
      error(1, 'Invalid value type: expected Boolean', 5),
    ],
    [
      'text that is not JSON, without any id',
      'hello',
      '{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}',
    ],
    ['an empty frame', '', '{"error":{"code":3,"msg":"Invalid JSON: EOF while parsing a value"}}'],
    ['a string as id, which gets none', '{"method":"SUBSCRIBE","params":["a@trade"],"id":"abc"}', null],
  ])('%s', (_name, text, expected) => {
    expect(reply(text)).toBe(expected);
  });

  it('LIST_SUBSCRIPTIONS returns the subscriptions in order', () => {
    expect(reply('{"method":"LIST_SUBSCRIPTIONS","id":3}', ['b@trade', 'a@trade'])).toBe(
      '{"result":["b@trade","a@trade"],"id":3}',
    );
  });

  it('a property that is set is what GET_PROPERTY returns', () => {
    const target = { streams: new Set<string>(), combined: false };
    answerControlFrame('{"method":"SET_PROPERTY","params":["combined",true],"id":1}', target, LIMITS);
    expect(target.combined).toBe(true);
  });

  it('a string id gets a reply if the stand-in follows the documentation', () => {
    const outcome = answerControlFrame(
      '{"method":"LIST_SUBSCRIPTIONS","id":"abc"}',
      { streams: new Set(), combined: false },
      { ...LIMITS, stringIds: 'accept' },
    );
    expect(outcome).toEqual({ kind: 'reply', reply: '{"result":[],"id":"abc"}' });
  });

  it('more streams than a connection may have are refused, counting each once', () => {
    expect(reply('{"method":"SUBSCRIBE","params":["a","b"],"id":1}', ['a', 'c'])).toBe('{"result":null,"id":1}');
    expect(reply('{"method":"SUBSCRIBE","params":["a","b"],"id":1}', ['c', 'd'])).toBe(
      error(2, 'Invalid request: too many streams', 1),
    );
  });

  it('a frame of more than 4096 bytes, header included, gets no reply', () => {
    const frame = '{"method":"LIST_SUBSCRIPTIONS","id":1}';
    expect(reply(frame.padEnd(4096 - 8))).toBe('{"result":[],"id":1}');
    expect(reply(frame.padEnd(4096 - 7))).toBeNull();
  });
});

function error(code: number, msg: string, id: number | null): string {
  return JSON.stringify({ error: { code, msg }, id });
}

function idError(): string {
  return error(2, 'Invalid request: request ID must be an unsigned integer', null);
}

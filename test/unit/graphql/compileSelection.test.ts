import * as fc from 'fast-check';
import { execute, isObjectType, parse, validate } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { ClientErrors } from '../../../src/graphql/ClientErrors.ts';
import { compileSelection } from '../../../src/graphql/shapes/compileSelection.ts';
import type { Selection } from '../../../src/graphql/shapes/compileSelection.ts';
import { loadSchema } from '../../../src/graphql/schema.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { book, status, tick, trade } from '../../support/events.ts';
import { oddEvents, randomEvents } from '../../support/randomEvents.ts';
import { randomSubscriptions } from '../../support/randomSubscriptions.ts';
import { MARKET_DATA_TYPES } from '../../../src/market/marketData.ts';

const ours = loadSchema();
const errors = new ClientErrors({ logger: silentLogger(), metrics: new Metrics(), suggestions: true });

/** The result of graphql-js and JSON.stringify, or null if it is not available at once. */
function reference(selection: Selection, event: MarketData): string | null {
  const result = execute({ ...selection, rootValue: { event } });
  return 'then' in result ? null : JSON.stringify(errors.formatResult(result));
}

/** A selection of `marketData`, followed by the rest of the document. */
function asking(body: string, rest = ''): Selection {
  return request(`subscription { marketData(symbols: ["A"]) { ${body} } } ${rest}`);
}

function request(text: string, variableValues: Record<string, unknown> = {}, operationName?: string): Selection {
  return { schema: ours, types: MARKET_DATA_TYPES, document: parse(text), operationName, variableValues };
}

const odd = (event: MarketData, members: object): MarketData => ({ ...event, ...members });
const levels = book(3, 'snapshot', { bids: [['1.10', '5']], asks: [['1.20', '7.000']] });
const BIDS = 'bids { price } kind bids { __typename size price }';
const WRITTEN_BIDS = '"bids":[{"price":"1.10","__typename":"PriceLevel","size":"5"}],"kind":"SNAPSHOT"';
const LOST = { type: 'trade', from: fromEpochMs(0), to: null } as const;
const REPLAY = { recovered: null, events: 7, complete: false } as const;
const STATUS = '... on FeedStatus { since gap { type from to } replay { recovered events complete } }';
const ESCAPED = '\\"\\\\\\n\\u0000\\ud800\u2028é';

describe('a compiled selection writes, as graphql-js does,', () => {
  it.each<[string, Selection, MarketData, string]>([
    [
      'members in the order in which they first appear',
      asking('symbol __typename broker symbol'),
      trade(2),
      '"symbol":"BTCUSDT","__typename":"Trade","broker":"binance"',
    ],
    [
      'members under their aliases, whatever these mean elsewhere',
      asking('__proto__: symbol toJSON: cursor then: broker'),
      trade(2),
      '"__proto__":"BTCUSDT","toJSON":"epoch.2","then":"binance"',
    ],
    [
      'everything that several mentions of a member select, merged',
      asking(`... on OrderBook { ${BIDS} }`),
      levels,
      WRITTEN_BIDS,
    ],
    [
      'a fragment once, at its first spread',
      asking('...F symbol ... on Trade { ...F }', 'fragment F on MarketData { cursor type }'),
      trade(2),
      '"cursor":"epoch.2","type":"TRADE","symbol":"BTCUSDT"',
    ],
    ['lists that are empty', asking('... on OrderBook { asks { price } }'), book(4, 'delta', {}), '"asks":[]'],
    [
      'levels without a selected member',
      asking('... on OrderBook { asks { price @skip(if: true) } }'),
      levels,
      '"asks":[{}]',
    ],
    [
      'the members of fragments for the type of the event only',
      asking('... on Tick { bid last } ... on Trade { side } ... on MarketData { type } ... { sequence }'),
      tick(1),
      '"bid":"100.10","last":null,"type":"TICK","sequence":1',
    ],
    ['nothing if nothing is selected for the type', asking('... on Tick { bid }'), trade(2), ''],
    [
      'text with what JSON escapes',
      asking('symbol cursor'),
      { ...trade(2), symbol: '"\\\n\0\ud800\u2028é', cursor: '' },
      `"symbol":"${ESCAPED}","cursor":""`,
    ],
    [
      'what is lost and what is sent again',
      asking(STATUS),
      status(1, { gap: LOST, replay: REPLAY }),
      '"since":"2026-01-02T03:04:05.000Z","gap":{"type":"TRADE","from":"1970-01-01T00:00:00.000Z","to":null},' +
        '"replay":{"recovered":null,"events":7,"complete":false}',
    ],
    [
      'null if nothing is lost and nothing sent again',
      asking(STATUS),
      status(1),
      '"since":"2026-01-02T03:04:05.000Z","gap":null,"replay":null',
    ],
    [
      'whether an event was fetched afterwards',
      asking('... on Trade { backfilled }'),
      { ...trade(2), backfilled: true },
      '"backfilled":true',
    ],
    ['zero without a sign', asking('sequence'), { ...trade(2), sequence: -0 }, '"sequence":0'],
    [
      'what is selected, even if other members are wrong',
      asking('sequence'),
      odd(trade(2), { time: 'now' }),
      '"sequence":2',
    ],
  ])('%s', (_law, selection, event, written) => {
    const text = `{"data":{"marketData":{${written}}}}`;
    expect(compileSelection(selection)?.(event)).toBe(text);
    expect(reference(selection, event)).toBe(text);
  });

  it.each<[string, string, Record<string, unknown>, string]>([
    ['a variable', '$a: Boolean!', { a: true }, 'symbol'],
    ['a default', '$a: Boolean! = true', {}, 'symbol'],
    ['a value before the default', '$a: Boolean! = true', { a: false }, 'broker'],
  ])('members by a condition that is %s', (_which, definition, variables, member) => {
    const text = `subscription (${definition}) { marketData(symbols: []) {
      symbol @include(if: $a) broker @skip(if: $a) cursor @include(if: true) @skip(if: true)
      ...F @skip(if: true) ...F @include(if: $a) } } fragment F on Trade { __typename }`;
    const selection = request(text, variables);
    const written = compileSelection(selection)?.(trade(2)) ?? '';
    expect(written).toContain(`{"${member}":`);
    expect(written).toBe(reference(selection, trade(2)));
  });

  it('the operation that is named, with the field under its alias', () => {
    const text =
      'query A { brokers { id } } subscription B { b: marketData(symbols: []) { type } } subscription C { c: marketData(symbols: []) { cursor } }';
    expect(compileSelection(request(text, {}, 'C'))?.(trade(2))).toBe('{"data":{"c":{"cursor":"epoch.2"}}}');
    expect(compileSelection(request(text, {}, 'B'))?.(trade(2))).toBe('{"data":{"b":{"type":"TRADE"}}}');
  });
});

it('selections that share their parts stay separate if the same name means different things in them', () => {
  const parts = new Map();
  const texts = [
    '... on Trade { price }',
    '... on Trade { price: size }',
    '... on Tick { price: bid }',
    'price: symbol',
  ];
  for (const event of [trade(2), tick(1)]) {
    for (const text of texts) {
      const selection = asking(text);
      expect(compileSelection(selection, parts)?.(event)).toBe(reference(selection, event));
    }
  }
});

describe('compileSelection leaves to graphql-js', () => {
  const field = 'marketData(symbols: []) { symbol }';

  it.each<[string, Selection]>([
    ['a query', request('{ brokers { id } }')],
    ['an operation that is not there', request(`subscription A { ${field} }`, {}, 'B')],
    [
      'several operations without a name to choose by',
      request(`subscription A { ${field} } subscription B { ${field} }`),
    ],
    [
      'an operation without a variable that it needs',
      request(`subscription ($s: ID!) { marketData(broker: $s, symbols: []) { symbol } }`),
    ],
    ['an argument of the wrong type', request('subscription { marketData(symbols: 1) { symbol } }')],
    ['another field', request('subscription { brokerStatus { id } }')],
    ['several fields', request(`subscription { ${field} other: ${field} }`)],
    ['no field', request(`subscription { marketData(symbols: []) @skip(if: true) { symbol } }`)],
  ])('%s', (_what, selection) => {
    expect(compileSelection(selection)).toBeNull();
  });

  it('an event that needs a condition without a value, and no other event', () => {
    const text =
      'subscription ($no: Boolean = false) { marketData(symbols: []) { symbol ... on Tick { bid @skip(if: $no) } } }';
    const write = compileSelection(request(text, { no: null }));
    expect(write?.(tick(1))).toBeNull();
    expect(write?.(trade(1))).toBe('{"data":{"marketData":{"symbol":"BTCUSDT"}}}');
  });

  it.each<[string, MarketData]>([
    ['with null for a field that may not be null', odd(tick(1), { bid: null })],
    ['with a number for a decimal', odd(tick(1), { bid: 100.1 })],
    ['with an exponent in a decimal', odd(tick(1), { bid: '1e5' })],
    ['with a decimal that is longer than any', odd(tick(1), { last: '1'.repeat(41) })],
    ['with a time of another spelling', odd(tick(1), { time: '2026-01-02' })],
    ['with a number for text', odd(tick(1), { symbol: 7 })],
    ['with a sequence that is not a whole number', odd(tick(1), { sequence: 1.5 })],
    ['with a function for a value', odd(tick(1), { symbol: () => 'BTCUSDT' })],
    ['with a level that is not there', odd(levels, { bids: [null] })],
    ['with a level that is an error', odd(levels, { bids: [new Error('odd')] })],
    ['with levels that are not a list', odd(levels, { bids: new Set() })],
    ['of a kind that the schema does not have', odd(levels, { kind: 'update' })],
    ['of a type that the schema does not have', odd(tick(1), { type: 'toString' })],
    ['that is null', null as unknown as MarketData],
    ['with a gap that is none', odd(status(1), { gap: true })],
    ['with a gap of a type that the schema does not have', odd(status(1), { gap: { ...LOST, type: 'toString' } })],
    [
      'with a replay that does not say whether it is complete',
      odd(status(1), { replay: { ...REPLAY, complete: null } }),
    ],
    ['with a number that is not whole', odd(status(1), { replay: { ...REPLAY, events: 1.5 } })],
    ['with a number of more than 32 bits', odd(status(1), { replay: { ...REPLAY, events: 2 ** 31 } })],
    ['with text for a number', odd(status(1), { replay: { ...REPLAY, events: '7' } })],
  ])('an event %s', (_what, event) => {
    const selection = asking(
      `symbol time sequence ... on Tick { bid last } ... on OrderBook { kind bids { __typename } } ${STATUS}`,
    );
    expect(compileSelection(selection)?.(event)).toBeNull();
  });
});

describe('compileSelection leaves to graphql-js a schema with', () => {
  const field = (schema: GraphQLSchema, type: string, name: string): object => {
    const parent = schema.getType(type);
    return (isObjectType(parent) && parent.getFields()[name]) || expect.unreachable();
  };
  const resolve = (): string => '1';

  it.each<[string, MarketData, (schema: GraphQLSchema) => unknown]>([
    ['a resolver of a field', tick(1), (schema) => Object.assign(field(schema, 'Tick', 'bid'), { resolve })],
    ['a resolver of a level', levels, (schema) => Object.assign(field(schema, 'PriceLevel', 'size'), { resolve })],
    [
      'another resolver of the subscription',
      tick(1),
      (schema) => Object.assign(field(schema, 'Subscription', 'marketData'), { resolve: () => tick(9) }),
    ],
    [
      'another way to tell types apart',
      tick(1),
      (schema) => Object.assign(schema.getType('MarketData') ?? {}, { resolveType: () => 'Tick' }),
    ],
    ['a test of a type', tick(1), (schema) => Object.assign(schema.getType('Tick') ?? {}, { isTypeOf: () => true })],
    [
      'another way to write a scalar',
      tick(1),
      (schema) => Object.assign(schema.getType('Decimal') ?? {}, { serialize: resolve }),
    ],
  ])('%s', (_way, event, change) => {
    const selection = asking('broker ... on Tick { bid } ... on OrderBook { bids { size } }');
    const schema = loadSchema();
    expect(compileSelection({ ...selection, schema })?.(event)).toEqual(expect.any(String));
    change(schema);
    expect(compileSelection({ ...selection, schema })?.(event) ?? null).toBeNull();
  });
});

it('compileSelection keeps few of the names that clients make up, and those that are still in use', () => {
  const parts = new Map();
  compileSelection(asking('... on Tick { kept: bid }'), parts);
  for (let n = 0; n < 200; n += 1) {
    const names = Array.from({ length: 50 }, (_, at) => `n${n}_${at}: bid`).join(' ');
    expect(compileSelection(asking(`... on Tick { kept: bid ${names} }`), parts)).not.toBeNull();
  }
  expect(parts.size).toBeLessThanOrEqual(4_096);
  expect([...parts.keys()].some((name) => String(name).includes('kept'))).toBe(true);
});

describe('random documents', () => {
  const trial = fc.record({
    asked: randomSubscriptions(ours),
    events: fc.array(randomEvents, { minLength: 1 }),
    oddOnes: fc.array(oddEvents),
  });

  it('get byte for byte the result of graphql-js, and nothing that is in order is left to it', () => {
    const seen = { valid: 0, events: 0, written: 0, odd: 0, oddWritten: 0 };
    const property = fc.property(trial, ({ asked, events, oddOnes }) => {
      const selection = request(asked.text, asked.variableValues, asked.operationName);
      if (validate(ours, selection.document).length > 0) return;
      seen.valid += 1;
      const write = compileSelection(selection);
      for (const event of events) {
        const written = write?.(event) ?? null;
        // A null condition is the only thing here that is not in order.
        if (written === null) expect(asked.variableValues['no']).toBeNull();
        else expect(written).toBe(reference(selection, event));
        seen.events += 1;
        seen.written += written === null ? 0 : 1;
      }
      for (const event of oddOnes) {
        const written = write?.(event) ?? null;
        if (written !== null) expect(written).toBe(reference(selection, event));
        seen.odd += 1;
        seen.oddWritten += written === null ? 0 : 1;
      }
    });
    fc.assert(property, { numRuns: 200 });
    expect(seen.valid).toBeGreaterThan(180);
    expect(seen.written).toBeGreaterThan(0.9 * seen.events);
    // The odd member of an event is not always selected.
    expect(seen.oddWritten).toBeGreaterThan(0.2 * seen.odd);
    expect(seen.oddWritten).toBeLessThan(0.8 * seen.odd);
  });
});

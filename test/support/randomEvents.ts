import * as fc from 'fast-check';
import { CANDLE_INTERVALS, MARKET_DATA_TYPES } from '../../src/market/marketData.ts';
import type { MarketData } from '../../src/market/marketData.ts';

const digits = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength }).map((list) => list.join(''));
/** Decimals of up to the 40 characters that a venue may send. */
const decimal = fc
  .record({ sign: fc.constantFrom('', '', '-'), whole: digits(19), fraction: fc.option(digits(19)) })
  .map(({ sign, whole, fraction }) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`);
const timestamp = fc
  .record({ second: fc.integer({ min: 0, max: 4_102_444_800 }), fraction: fc.option(digits(9)) })
  .map(({ second, fraction }) =>
    new Date(second * 1_000).toISOString().replace('.000Z', fraction === null ? 'Z' : `.${fraction}Z`),
  );
/** Text with characters that JSON escapes, and with some that it does not although one might expect it. */
const text = fc.oneof(
  fc.constantFrom(
    'BTCUSDT',
    'EUR_USD',
    'a "quoted"\\\nline',
    '\u0000\u001f\u007f\u0080\u2028\u2029',
    '\u{1f4c8}é',
    '\ud800',
  ),
  fc.string({ unit: 'binary' }),
  fc.string(),
);
const sequence = fc.oneof(fc.nat(), fc.constantFrom(0, -0, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
/** Makes objects like those of a literal. */
const plain = <T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(members, { noNullPrototype: true });
const level = plain({ price: decimal, size: decimal });

const header = {
  broker: text,
  symbol: text,
  time: timestamp,
  receivedAt: timestamp,
  sequence,
  cursor: text,
};

const tick = plain({
  type: fc.constant('tick' as const),
  ...header,
  bid: decimal,
  bidSize: fc.option(decimal),
  ask: decimal,
  askSize: fc.option(decimal),
  last: fc.option(decimal),
  mid: decimal,
  spread: decimal,
});
const trade = plain({
  type: fc.constant('trade' as const),
  ...header,
  tradeId: text,
  price: decimal,
  size: decimal,
  side: fc.constantFrom('buy', 'sell'),
  backfilled: fc.boolean(),
});
const candle = plain({
  type: fc.constant('candle' as const),
  ...header,
  interval: fc.constantFrom(...Object.keys(CANDLE_INTERVALS)),
  openTime: timestamp,
  closeTime: timestamp,
  open: decimal,
  high: decimal,
  low: decimal,
  close: decimal,
  volume: decimal,
  tradeCount: fc.option(sequence),
  closed: fc.boolean(),
  backfilled: fc.boolean(),
});
const orderBook = plain({
  type: fc.constant('orderbook' as const),
  ...header,
  kind: fc.constantFrom('snapshot', 'delta'),
  bids: fc.array(level, { maxLength: 20 }),
  asks: fc.array(level, { maxLength: 20 }),
});
const gap = plain({
  type: fc.constantFrom(...MARKET_DATA_TYPES),
  from: fc.option(timestamp),
  to: fc.option(timestamp),
});
const replay = plain({
  recovered: fc.option(fc.boolean()),
  events: fc.oneof(fc.nat(), fc.constantFrom(0, -0, 2 ** 31 - 1, -(2 ** 31))),
  complete: fc.boolean(),
});
const status = plain({
  type: fc.constant('status' as const),
  ...header,
  state: fc.constantFrom('live', 'stale', 'recovering', 'closed'),
  reason: fc.option(text),
  since: timestamp,
  gap: fc.option(gap),
  replay: fc.option(replay),
});

/** Correct events of every type, with everything that the types of the schema allow. */
export const randomEvents = fc.oneof(tick, trade, candle, orderBook, status) as fc.Arbitrary<MarketData>;

/** Values that a member should not have, or that only a conversion would make right. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, 0, 1, -1, 1.5, 2 ** 53, Number.NaN, '', '1e5', '1.', '.5', '٣'),
  fc.constantFrom<unknown>('1'.repeat(41), '2026-01-02', '2026-99-99T99:99:99Z', 'BUY', 'TICK', '100', 7n, Symbol('7')),
  fc.constantFrom<unknown>(
    {},
    [],
    [null],
    [undefined],
    new Set([{ price: '1', size: '2' }]),
    new Date(0),
    'tick',
    'trade',
  ),
  fc.constantFrom<unknown>(
    new Error('odd'),
    Promise.resolve('1'),
    () => '1',
    () => 1,
    { valueOf: () => '1' },
    [{}],
  ),
  fc.constantFrom<unknown>(Array(1), [Promise.resolve({})], [new Error('odd')], ['1'], [[]], Object('1')),
);

/** Events with one member, or the whole event, not as it should be. */
export const oddEvents: fc.Arbitrary<MarketData> = fc
  .record({ event: randomEvents, pick: fc.nat(), value: oddValue, where: fc.constantFrom('member', 'part', 'whole') })
  .map(({ event, pick, value, where }): unknown => {
    if (where === 'whole') return inOddWay(event, value, pick % 4);
    if (where === 'part' && event.type === 'orderbook') {
      return { ...event, bids: event.bids.map((each) => withOdd(each, value, pick)), asks: [value] };
    }
    if (where === 'part' && event.type === 'status') {
      const { gap: lost, replay: past } = event;
      return { ...event, gap: lost && withOdd(lost, value, pick), replay: past && withOdd(past, value, pick) };
    }
    return withOdd(event, value, pick);
  }) as fc.Arbitrary<MarketData>;

function withOdd(target: object, value: unknown, pick: number): object {
  const names = Object.keys(target);
  const name = names[pick % names.length] ?? '';
  const { [name]: _replaced, ...rest } = target as Record<string, unknown>;
  return value === undefined ? rest : { ...target, [name]: value };
}

function inOddWay(event: MarketData, value: unknown, way: number): unknown {
  if (way === 0) return value;
  if (way === 1) return Object.assign(Object.create(null) as object, event);
  if (way === 2) return Object.assign(new Date(0), event);
  return Object.assign(new Error('odd'), event);
}

import { Bench } from 'tinybench';
import { parseFrame, parseTrade } from '../src/brokers/binance/streamMessages.ts';
import { toTrade } from '../src/brokers/binance/streamMapping.ts';
import { SubscriptionIndex } from '../src/fanout/SubscriptionIndex.ts';
import { CandleBuilder } from '../src/market/CandleBuilder.ts';
import { decimal } from '../src/market/decimal.ts';
import type { PriceLevel, Trade } from '../src/market/marketData.ts';
import { OrderBook } from '../src/market/OrderBook.ts';
import { streamKey } from '../src/market/streamKey.ts';
import { fromEpochMs } from '../src/market/timestamp.ts';
import { encodeEvent } from '../src/raw/encodeEvent.ts';

// What an event costs on its way through the middle, where everything is a plain call. One line each; no sockets.

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const RECEIVED_AT = fromEpochMs(NOW_MS);
const FRAME =
  '{"stream":"btcusdt@trade","data":{"e":"trade","E":1767323045678,"s":"BTCUSDT","t":6720857582,"p":"83034.29000000","q":"0.00062000","T":1767323045677,"m":true,"M":true}}';
const FRAME_BYTES = Buffer.from(FRAME);

const trade: Trade = {
  type: 'trade',
  broker: 'binance',
  symbol: 'BTCUSDT',
  time: RECEIVED_AT,
  receivedAt: RECEIVED_AT,
  sequence: 123_456,
  cursor: 'ab12cd34.123456',
  id: '6720857582',
  price: decimal('83034.29000000'),
  size: decimal('0.00062000'),
  side: 'sell',
};

const key = streamKey({ scope: 'shared', broker: 'binance', symbol: 'BTCUSDT', type: 'trade', interval: null });

function level(price: number, size: string): PriceLevel {
  return { price: decimal(`${price.toFixed(2)}000000`), size: decimal(size) };
}

function side(from: number, step: number, count: number): PriceLevel[] {
  return Array.from({ length: count }, (_, index) => level(from + index * step, '1.50000000'));
}

function bookOf(levels: number): OrderBook {
  const book = new OrderBook();
  book.apply({ kind: 'snapshot', bids: side(83_000, -0.01, levels), asks: side(83_000.01, 0.01, levels) });
  return book;
}

/** Ten levels near the top that come and then go again: the book stays as large as it is. */
function deltas(): { readonly kind: 'delta'; readonly bids: PriceLevel[]; readonly asks: PriceLevel[] }[] {
  const at = (index: number): number => 82_999.99 - index * 0.03;
  return ['0.70000000', '0'].map((size) => ({
    kind: 'delta' as const,
    bids: Array.from({ length: 5 }, (_, index) => level(at(index), size)),
    asks: Array.from({ length: 5 }, (_, index) => level(166_000.01 - at(index), size)),
  }));
}

const bench = new Bench({ time: 1_000, warmupTime: 300 });
/** Calls that one reading of the clock covers, which costs as much as the smallest of them. */
const CALLS = 100;
/** What was computed is kept, so that it has to be. */
let kept: unknown;

function add(name: string, task: () => unknown): void {
  bench.add(name, () => {
    for (let call = 0; call < CALLS; call += 1) kept = task();
  });
}

add('Binance trade: bytes -> draft', () => {
  const frame = parseFrame(FRAME_BYTES.toString());
  if (frame?.kind !== 'data') throw new Error('no data');
  const message = parseTrade(frame.data);
  if (message === undefined) throw new Error('no trade');
  return toTrade(message, RECEIVED_AT);
});

for (const levels of [20, 100, 1_000]) {
  const book = bookOf(levels);
  const changes = deltas();
  let turn = 0;
  add(`book of ${levels}: 10 changes`, () => {
    turn = 1 - turn;
    const change = changes[turn];
    if (change !== undefined) book.apply(change);
  });
  add(`book of ${levels}: top 20`, () => book.top(20));
}

const candles = new CandleBuilder('1m');
let tradedAt = NOW_MS;
add('candle: one trade', () => {
  tradedAt += 10;
  return candles.addTrade({ price: trade.price, size: trade.size, timeMs: tradedAt }, RECEIVED_AT);
});

const unheard = new SubscriptionIndex();
add('index: publish, nobody listens', () => {
  unheard.publish(key, trade, null);
});

const heard = new SubscriptionIndex();
let deliveries = 0;
for (let subscriber = 0; subscriber < 100; subscriber += 1) {
  heard.join(key, {
    deliver: () => {
      deliveries += 1;
    },
  });
}
add('index: publish to 100', () => {
  heard.publish(key, trade, null);
});

add('raw protocol: encode a trade', () => encodeEvent(trade));

await bench.run();
console.table(
  bench.tasks.map(({ name, result }) => {
    if (!('latency' in result)) return { name, 'median ns': 'failed', 'p99 ns': '', 'runs a second': '' };
    const { latency, throughput } = result;
    return {
      name,
      'median ns': Math.round((latency.p50 * 1e6) / CALLS),
      'p99 ns': Math.round((latency.p99 * 1e6) / CALLS),
      'runs a second': Math.round(throughput.p50 * CALLS),
    };
  }),
);
if (deliveries === 0 || kept === undefined) throw new Error('nothing was done');

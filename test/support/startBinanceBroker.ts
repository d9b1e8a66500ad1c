import type { Feed } from '../../src/brokers/BaseBroker.ts';
import { BinanceBroker } from '../../src/brokers/binance/BinanceBroker.ts';
import type { BinanceBrokerOptions } from '../../src/brokers/binance/BinanceBroker.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { OrderBook } from '../../src/market/OrderBook.ts';
import { pino } from 'pino';
import { serializeError } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { bookDigest } from '../venues/binance/expectedBooks.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';
import { BrokerRecord, feedOf } from './BrokerRecord.ts';
import { lineSink } from './logLines.ts';
import { SkippableClock } from './SkippableClock.ts';
import { waitFor } from './waitFor.ts';

export const TICK = feedOf('BTCUSDT', 'tick');
export const TRADE = feedOf('BTCUSDT', 'trade');
export const BOOK = feedOf('BTCUSDT', 'orderbook');
export const CANDLE = feedOf('BTCUSDT', 'candle', '1m');

/** Starts a real broker and its stand-in venue, over real sockets. On disposal neither is left. */
export async function startBinanceBroker(
  wanted: readonly Feed[],
  options: {
    venue?: Partial<StandInOptions>;
    /** Used instead of starting one. */
    standIn?: StandInBinance;
    broker?: Partial<BinanceBrokerOptions>;
    staleAfterMs?: number;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const clock = new SkippableClock();
  const venue = stack.use(options.standIn ?? (await StandInBinance.start({ clock, ...options.venue })));
  const record = new BrokerRecord();
  const books = new Map<Feed, OrderBook>();
  const metrics = new Metrics();
  const log: string[] = [];
  const broker = new BinanceBroker(
    {
      id: 'binance',
      clock,
      random: systemRandom,
      logger: pino({ level: 'trace', serializers: { err: serializeError } }, lineSink(log)),
      metrics,
      staleAfterMs: options.staleAfterMs ?? 10_000,
      reconnect: { baseMs: 50, maxMs: 500 },
      sink: {
        ...record.sink,
        onEvent: (feed, event) => {
          record.sink.onEvent(feed, event);
          if (event.type !== 'orderbook') return;
          const book = books.get(feed) ?? new OrderBook();
          books.set(feed, book);
          book.apply(event);
        },
      },
    },
    {
      websocketUrl: venue.websocketUrl,
      restUrl: venue.restUrl,
      hosts: new BinanceHosts({ clock, random: systemRandom }),
      trades: 'individual',
      ...options.broker,
    },
  );
  stack.use(broker);
  broker.setWanted(new Set(wanted));
  broker.start();
  const { statuses, events, conditions, state, gaps } = record;
  const harness = {
    /** Drives the broker and a venue that is started with it, and hurries when a test says so. */
    clock,
    venue,
    broker,
    metrics,
    log,
    statuses,
    events,
    conditions,
    state,
    gaps,
    tradeIds: (feed = TRADE) =>
      events(feed).map((event) => (event.type === 'trade' ? Number(event.tradeId) : Number.NaN)),
    waitForState: (kind: string, ...feeds: Feed[]) =>
      waitFor(() => feeds.every((feed) => state(feed) === kind), `${kind} feeds`),
    rows: (feed = BOOK) => {
      const { bids, asks } = books.get(feed)?.top(Number.MAX_SAFE_INTEGER) ?? { bids: [], asks: [] };
      return {
        bids: bids.map(({ price, size }) => [price, size] as const),
        asks: asks.map(({ price, size }) => [price, size] as const),
      };
    },
  };
  const owned = stack.move();
  return {
    ...harness,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
    /** Resolves when the broker's book is the venue's. */
    waitForOracle: (feed = BOOK) =>
      waitFor(() => {
        const { bids, asks } = venue.market(feed.symbol).book();
        const ours = harness.rows(feed);
        return bookDigest(ours.bids, ours.asks) === bookDigest(bids, asks);
      }, 'the book of the venue'),
  };
}

import type { BrokerStatus, Feed, FeedCondition } from '../../src/brokers/BaseBroker.ts';
import { BinanceBroker } from '../../src/brokers/binance/BinanceBroker.ts';
import type { BinanceBrokerOptions } from '../../src/brokers/binance/BinanceBroker.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import type { CandleInterval, FeedEventDraft, FeedType } from '../../src/market/marketData.ts';
import { OrderBook } from '../../src/market/OrderBook.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { bookDigest } from '../venues/binance/expectedBooks.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';
import { SkippableClock } from './SkippableClock.ts';
import { waitFor } from './waitFor.ts';

export const feedOf = (symbol: string, type: FeedType, interval: CandleInterval | null = null): Feed => ({
  symbol,
  type,
  interval,
});

export const TICK = feedOf('BTCUSDT', 'tick');
export const TRADE = feedOf('BTCUSDT', 'trade');
export const BOOK = feedOf('BTCUSDT', 'orderbook');
export const CANDLE = feedOf('BTCUSDT', 'candle', '1m');

/** A real broker and its stand-in venue, over real sockets. On disposal neither is left. */
export async function startBinanceBroker(
  wanted: readonly Feed[],
  options: {
    venue?: Partial<StandInOptions>;
    /** In place of one that is started. */
    standIn?: StandInBinance;
    broker?: Partial<BinanceBrokerOptions>;
    staleAfterMs?: number;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const clock = new SkippableClock();
  const venue = stack.use(options.standIn ?? (await StandInBinance.start({ clock, ...options.venue })));
  const events = new Map<Feed, FeedEventDraft[]>();
  const conditions = new Map<Feed, FeedCondition[]>();
  const statuses: BrokerStatus[] = [];
  const books = new Map<Feed, OrderBook>();
  const metrics = new Metrics();
  const note = <T>(map: Map<Feed, T[]>, feed: Feed, value: T): void => {
    const list = map.get(feed);
    if (list === undefined) map.set(feed, [value]);
    else list.push(value);
  };
  const broker = new BinanceBroker(
    {
      id: 'binance',
      clock,
      random: systemRandom,
      logger: silentLogger(),
      metrics,
      staleAfterMs: options.staleAfterMs ?? 10_000,
      reconnect: { baseMs: 50, maxMs: 500 },
      sink: {
        onEvent: (feed, event) => {
          note(events, feed, event);
          if (event.type !== 'orderbook') return;
          const book = books.get(feed) ?? new OrderBook();
          books.set(feed, book);
          book.apply(event);
        },
        onFeed: (feed, condition) => {
          note(conditions, feed, condition);
        },
        onStatus: (status) => void statuses.push(status),
        onActivity: () => {},
        onCatalog: () => {},
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
  const eventsOf = (feed: Feed): readonly FeedEventDraft[] => events.get(feed) ?? [];
  const conditionsOf = (feed: Feed): readonly FeedCondition[] => conditions.get(feed) ?? [];
  const state = (feed: Feed): string | undefined => conditionsOf(feed).findLast(({ kind }) => kind !== 'gap')?.kind;
  const harness = {
    /** Of the broker and of a venue that is started with it: it hurries when a test says so. */
    clock,
    venue,
    broker,
    metrics,
    statuses,
    events: eventsOf,
    conditions: conditionsOf,
    state,
    gaps: (feed: Feed) => conditionsOf(feed).filter(({ kind }) => kind === 'gap'),
    tradeIds: (feed = TRADE) => eventsOf(feed).map((event) => (event.type === 'trade' ? Number(event.id) : Number.NaN)),
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
    /** Until the broker's book is the venue's. */
    waitForOracle: (feed = BOOK) =>
      waitFor(() => {
        const { bids, asks } = venue.market(feed.symbol).book();
        const ours = harness.rows(feed);
        return bookDigest(ours.bids, ours.asks) === bookDigest(bids, asks);
      }, 'the book of the venue'),
  };
}

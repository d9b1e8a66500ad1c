import type { BrokerStatus, Feed, FeedCondition } from '../../../../src/brokers/BaseBroker.ts';
import { BinanceBroker } from '../../../../src/brokers/binance/BinanceBroker.ts';
import type { BinanceBrokerOptions } from '../../../../src/brokers/binance/BinanceBroker.ts';
import { BinanceHosts } from '../../../../src/brokers/binance/BinanceHosts.ts';
import type { DepthSnapshot, HistoricTrade } from '../../../../src/brokers/binance/restReplies.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import { InstrumentCatalog } from '../../../../src/market/instrument.ts';
import type {
  CandleDraft,
  CandleInterval,
  FeedEventDraft,
  FeedType,
  TickDraft,
  TradeDraft,
} from '../../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { FakeSockets } from '../../../support/FakeSockets.ts';
import type { FakeSocket } from '../../../support/FakeSockets.ts';

type Rest = NonNullable<BinanceBrokerOptions['rest']>;

export const unavailable = () => new GatewayError('BROKER_UNAVAILABLE', 'not now');

export function catalogOf(...symbols: string[]): InstrumentCatalog {
  return new InstrumentCatalog(
    symbols.map((symbol) => ({
      symbol: symbol.replace('!', ''),
      displayName: symbol,
      base: null,
      quote: null,
      tickSize: null,
      lotSize: null,
      tradable: !symbol.endsWith('!'),
    })),
  );
}

/** What the venue answers to requests; each may be replaced, and remembers what it was asked. */
export class FakeRest implements Rest {
  readonly asked: { readonly what: string; readonly args: readonly unknown[] }[] = [];
  pausedUntilMs: number | null = null;
  closed = false;
  catalog: () => Promise<InstrumentCatalog> = () => Promise.resolve(catalogOf('BTCUSDT', 'ETHUSDT'));
  depth: () => Promise<DepthSnapshot> = () => Promise.reject(unavailable());
  /** The venue's book with few levels, with which ours is compared now and then. */
  compared: () => Promise<DepthSnapshot> = () => Promise.reject(unavailable());
  candles: () => Promise<readonly CandleDraft[]> = () => Promise.resolve([]);
  trades: () => Promise<{ trades: readonly HistoricTrade[]; complete: boolean }> = () =>
    Promise.resolve({ trades: [], complete: true });

  tick: () => Promise<TickDraft | null> = () => Promise.resolve(null);
  bookId: () => Promise<number> = () => Promise.reject(unavailable());
  lastTradeMs: () => Promise<number | null> = () => Promise.resolve(null);
  time: () => Promise<number> = () => Promise.reject(unavailable());

  count(what: string): number {
    return this.asked.filter((entry) => entry.what === what).length;
  }

  fetchCatalog: Rest['fetchCatalog'] = (...args) => this.#ask('catalog', args, this.catalog);
  fetchDepth: Rest['fetchDepth'] = (...args) =>
    args[1] === 100 ? this.#ask('compared', args, this.compared) : this.#ask('depth', args, this.depth);
  fetchCandles: Rest['fetchCandles'] = (...args) => this.#ask('candles', args, this.candles);
  fetchTradesSince: Rest['fetchTradesSince'] = (...args) => this.#ask('trades', args, this.trades);
  fetchTrades: Rest['fetchTrades'] = async (...args) => (await this.#ask('recent', args, this.trades)).trades;
  fetchTick: Rest['fetchTick'] = (...args) => this.#ask('tick', args, this.tick);
  fetchBookId: Rest['fetchBookId'] = (...args) => this.#ask('bookId', args, this.bookId);
  fetchLastTradeMs: Rest['fetchLastTradeMs'] = (...args) => this.#ask('newest', args, this.lastTradeMs);
  fetchTime: Rest['fetchTime'] = (...args) => this.#ask('time', args, this.time);
  close: Rest['close'] = () => {
    this.closed = true;
    return Promise.resolve();
  };

  #ask<T>(what: string, args: readonly unknown[], answer: () => Promise<T>): Promise<T> {
    this.asked.push({ what, args });
    return answer();
  }
}

export type Told =
  { readonly feed: Feed; readonly event: FeedEventDraft } | { readonly feed: Feed; readonly condition: FeedCondition };

export function feedOf(symbol: string, type: FeedType, interval: CandleInterval | null = null): Feed {
  return { symbol, type, interval };
}

export function startBroker(options: Partial<BinanceBrokerOptions> = {}, metrics = new Metrics()) {
  const clock = new FakeClock();
  const sockets = new FakeSockets();
  const rest = new FakeRest();
  const random = (): number => 0.5;
  const told: Told[] = [];
  const statuses: BrokerStatus[] = [];
  const activity = { count: 0 };
  /** Whoever receives events may act on them at once. */
  const receiver = { onEvent: (_feed: Feed, _event: FeedEventDraft): void => undefined };
  const broker = new BinanceBroker(
    {
      id: 'binance',
      clock,
      random,
      logger: silentLogger(),
      metrics,
      staleAfterMs: 10_000,
      reconnect: { baseMs: 500, maxMs: 30_000 },
      sink: {
        onEvent: (feed, event) => {
          told.push({ feed, event });
          receiver.onEvent(feed, event);
        },
        onFeed: (feed, condition) => void told.push({ feed, condition }),
        onStatus: (status) => void statuses.push(status),
        onActivity: () => {
          activity.count += 1;
        },
        onCatalog: () => {},
      },
    },
    {
      websocketUrl: 'ws://venue',
      restUrl: 'http://venue',
      hosts: new BinanceHosts({ clock, random }),
      trades: 'individual',
      open: sockets.open,
      rest,
      ...options,
    },
  );
  return {
    clock,
    sockets,
    rest,
    metrics,
    told,
    statuses,
    activity,
    receiver,
    broker,
    want: (...feeds: Feed[]) => {
      broker.setWanted(new Set(feeds));
    },
    events: (feed?: Feed) =>
      told.flatMap((entry) => ('event' in entry && (feed ?? entry.feed) === entry.feed ? [entry.event] : [])),
    conditions: (feed?: Feed) =>
      told.flatMap((entry) => ('condition' in entry && (feed ?? entry.feed) === entry.feed ? [entry.condition] : [])),
    /** Started, with its first socket open, the instruments known, and what was wanted acknowledged. */
    goLive: async (...feeds: Feed[]) => {
      broker.setWanted(new Set(feeds));
      broker.start();
      await clock.advance(0);
      const socket = sockets.last;
      await openAndAcknowledge(clock, socket);
      return socket;
    },
    /** After a loss: the next socket, open and acknowledged. */
    reconnect: async () => {
      const before = sockets.all.length;
      for (let step = 0; step < 100 && sockets.all.length === before; step += 1) await clock.advance(500);
      const socket = sockets.last;
      await openAndAcknowledge(clock, socket);
      return socket;
    },
    counter: async (metric: 'gaps' | 'resyncs' | 'reconnects' | 'invalidMessages' | 'upstreamConnections') =>
      (await metrics[metric].get()).values.map(({ labels, value }) => ({ ...labels, value })),
  };
}

export interface ControlFrame {
  readonly method: string;
  readonly params: readonly string[];
  readonly id: number;
}

export function controlFrames(socket: FakeSocket): ControlFrame[] {
  return socket.sent.map((text) => JSON.parse(text) as ControlFrame);
}

const answered = new WeakMap<FakeSocket, number>();

/** Answers every control frame that was not answered yet. */
export function acknowledge(socket: FakeSocket): void {
  const frames = controlFrames(socket);
  for (const { id } of frames.slice(answered.get(socket) ?? 0)) socket.json({ result: null, id });
  answered.set(socket, frames.length);
}

export async function openAndAcknowledge(clock: FakeClock, socket: FakeSocket): Promise<void> {
  socket.open();
  await clock.advance(0);
  acknowledge(socket);
  await clock.advance(0);
}

export const send = (socket: FakeSocket, stream: string, data: object): void => {
  socket.json({ stream, data });
};

export const tick = (u: number, bid = '10.00') => ({ u, s: 'BTCUSDT', b: bid, B: '1', a: '20.00', A: '1' });
export const trade = (t: number, T = 1_000) => ({
  e: 'trade',
  E: T,
  s: 'BTCUSDT',
  t,
  p: '10.00',
  q: '1',
  T,
  m: false,
  M: true,
});
export const depth = (U: number, u: number, size = '1') => ({
  e: 'depthUpdate',
  E: 1,
  s: 'BTCUSDT',
  U,
  u,
  b: [['10.00', size]],
  a: [],
});
interface KlineOptions {
  readonly x?: boolean;
  readonly E?: number;
  readonly i?: string;
  readonly lengthMs?: number;
  readonly c?: string;
}

export const kline = (
  t: number,
  { x = false, i = '1s', lengthMs = 1_000, E = t + (x ? lengthMs : 500), c = '10' }: KlineOptions = {},
) => ({
  e: 'kline',
  E,
  s: 'BTCUSDT',
  k: {
    t,
    T: t + lengthMs - 1,
    s: 'BTCUSDT',
    i,
    f: 1,
    L: 2,
    o: '10',
    c,
    h: '10',
    l: '10',
    v: '1',
    n: 1,
    x,
    q: '1',
    V: '1',
    Q: '1',
    B: '0',
  },
});

export function snapshot(lastUpdateId: number): DepthSnapshot {
  return {
    lastUpdateId,
    bids: [{ price: decimal('9.00'), size: decimal('1') }],
    asks: [{ price: decimal('11.00'), size: decimal('1') }],
  };
}

export function historic(...ids: number[]): HistoricTrade[] {
  const time = fromEpochMs(0);
  return ids.map((venueId) => {
    const draft: TradeDraft = {
      type: 'trade',
      time,
      receivedAt: time,
      tradeId: String(venueId),
      price: decimal('1'),
      size: decimal('1'),
      side: 'buy',
      backfilled: true,
    };
    return { venueId, trade: draft };
  });
}

export function historicCandle(
  openMs: number,
  closed: boolean,
  interval: CandleInterval = '1m',
  lengthMs = 60_000,
): CandleDraft {
  const one = decimal('1');
  return {
    type: 'candle',
    time: fromEpochMs(openMs),
    receivedAt: fromEpochMs(openMs),
    interval,
    openTime: fromEpochMs(openMs),
    closeTime: fromEpochMs(openMs + lengthMs),
    open: one,
    high: one,
    low: one,
    close: one,
    volume: one,
    tradeCount: 1,
    closed,
    backfilled: true,
  };
}

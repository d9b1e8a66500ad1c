import type { CandleDraft, FeedType, OrderBookDraft, TickDraft, TradeDraft } from '../../market/marketData.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import { tapSockets } from '../../transport/tap.ts';
import { openWebSocket } from '../../transport/WebSocketFeed.ts';
import type { OpenWebSocket } from '../../transport/WebSocketFeed.ts';
import { impatientOptions } from '../../transport/RequestQueue.ts';
import { BaseBroker } from '../BaseBroker.ts';
import type { BrokerContext, BrokerTraits, CandleQuery, Feed, BrokerStatus } from '../BaseBroker.ts';
import { CatalogKeeper } from '../CatalogKeeper.ts';
import type { BinanceHosts } from './BinanceHosts.ts';
import { BinanceRest } from './BinanceRest.ts';
import { BinanceSockets } from './BinanceSockets.ts';
import type { MarketStream } from './MarketStream.ts';
import { createStreamContext } from './StreamContext.ts';
import type { StreamContext, StreamOptions } from './StreamContext.ts';
import { isPossibleSymbol, streamOf, toStreamName } from './streamNames.ts';
import type { VenueStreamAddress, TradeMode } from './streamNames.ts';
import type { RelayState } from '../../transport/ConnectionRelay.ts';
import { assertNever } from '../../shared/errors.ts';
import { BookChecks } from './BookChecks.ts';
import { KlineStream } from './KlineStream.ts';
import { DepthStream } from './DepthStream.ts';
import { TickStream } from './TickStream.ts';
import { TradeStream } from './TradeStream.ts';

export interface BinanceBrokerOptions {
  /** Without a path: `wss://host`. */
  readonly websocketUrl: string;
  readonly restUrl: string;
  readonly hosts: BinanceHosts;
  readonly trades: TradeMode;
  /** Levels of each side that a book begins with; 5000 have five times the request weight. @default 1000 */
  readonly bookLevels?: 1000 | 5000;
  /** A connection is replaced by a new one after this time. @default 23 hours */
  readonly connectionLifetimeMs?: number;
  /** How connections are made. @default a real WebSocket */
  readonly open?: OpenWebSocket;
  /** Makes requests of the venue; the broker closes it. @default a BinanceRest of `restUrl` */
  readonly rest?: Omit<BinanceRest, keyof AsyncDisposable>;
}

interface Demand {
  readonly address: VenueStreamAddress;
  readonly feeds: Set<Feed>;
}

/** The greatest depth that a subscriber may ask for. */
const BOOK_LEVELS = 1_000;
const FEED_TYPES: readonly FeedType[] = ['tick', 'candle', 'orderbook', 'trade'];
const CONNECTION_LIFETIME_MS = 23 * 3_600_000;

/** The traits of every broker of this kind. */
export const BINANCE_TRAITS: BrokerTraits = {
  kind: 'binance',
  supportedTypes: FEED_TYPES,
  synthetic: false,
  requiresAuthentication: false,
};

/** Binance Spot: public market data over its combined WebSocket streams, the rest by request. */
export class BinanceBroker extends BaseBroker {
  readonly traits = BINANCE_TRAITS;
  readonly #options: BinanceBrokerOptions;
  readonly #rest: NonNullable<BinanceBrokerOptions['rest']>;
  readonly #streamContext: StreamContext;
  readonly #catalogKeeper: CatalogKeeper;
  readonly #checks: BookChecks;
  readonly #abort = new AbortController();
  readonly #sockets: BinanceSockets;
  readonly #streams = new Map<string, MarketStream>();
  #isStarted = false;
  /** Feeds that the venue does not trade, with the reason that was reported. */
  #untraded: ReadonlyMap<Feed, string> = new Map();
  #closing: Promise<void> | null = null;

  constructor(context: BrokerContext, options: BinanceBrokerOptions) {
    super(context);
    this.#options = options;
    const { clock, random, logger, metrics, id } = context;
    const { restUrl, websocketUrl, hosts, trades } = options;
    const queue = hosts.requests(restUrl);
    this.#rest =
      options.rest ?? new BinanceRest({ brokerId: id, restUrl, queue, trades, clock, random, logger, metrics });
    const { open = openWebSocket, connectionLifetimeMs = CONNECTION_LIFETIME_MS } = options;
    this.#sockets = new BinanceSockets({
      broker: context,
      url: `${websocketUrl.replace(/\/+$/, '')}/stream`,
      open: context.onFrame === undefined ? open : tapSockets(open, context.onFrame),
      attempts: hosts.attempts(websocketUrl),
      lifetimeMs: connectionLifetimeMs,
      onChange: () => {
        this.#reportStatus();
      },
    });
    this.#streamContext = createStreamContext(context, {
      history: this.#rest,
      bookLevels: options.bookLevels ?? BOOK_LEVELS,
    });
    this.#checks = new BookChecks({ clock, random, isPaused: () => this.#rest.pausedUntilMs !== null });
    this.#catalogKeeper = new CatalogKeeper({
      broker: context,
      fetch: (signal) => this.#rest.fetchCatalog({ patience: 'wait', signal }),
      pausedUntilMs: () => this.#rest.pausedUntilMs,
      isAwaited: () => this.#untraded.keys().some(({ symbol }) => this.catalog?.get(symbol) !== undefined),
      listener: {
        onCatalog: (catalog) => {
          this.setCatalog(catalog);
          this.reconcile();
        },
        onDelayed: () => {
          this.catalogFailed();
        },
        onState: () => {
          this.#reportStatus();
        },
      },
    });
  }

  start(): void {
    if (this.#isStarted || this.#closing !== null) return;
    this.#isStarted = true;
    this.#sockets.start();
    this.#catalogKeeper.start();
    this.reconcile();
  }

  override standBy(isStandby: boolean): void {
    this.#sockets.standBy(isStandby);
    if (this.#isStarted) this.#reportStatus();
  }

  override renewCatalog(): Promise<void> {
    return this.#catalogKeeper.renew();
  }

  resync(feed: Feed, _reason: string): void {
    this.#streams.get(this.#streamName(feed))?.resync();
  }

  fetchCandles(query: CandleQuery, asker?: Asker): Promise<readonly CandleDraft[]> {
    return this.#rest.fetchCandles(query, impatientOptions(asker, this.#abort.signal));
  }

  override async fetchTrades(symbol: string, limit: number, asker?: Asker): Promise<readonly TradeDraft[]> {
    return (await this.#rest.fetchTrades(symbol, limit, impatientOptions(asker, this.#abort.signal))).map(
      ({ trade }) => trade,
    );
  }

  override async fetchTradesFrom(
    symbol: string,
    tradeId: number,
    limit: number,
    asker?: Asker,
  ): Promise<readonly TradeDraft[]> {
    const missed = { afterVenueId: tradeId - 1, maxCount: limit };
    const { trades } = await this.#rest.fetchTradesSince(symbol, missed, impatientOptions(asker, this.#abort.signal));
    return trades.map(({ trade }) => trade);
  }

  override continueBehind(feed: Feed, place: number): void {
    this.#streams.get(this.#streamName(feed))?.continueBehind(feed, place);
  }

  fetchTick(symbol: string, asker?: Asker): Promise<TickDraft | null> {
    return this.#rest.fetchTick(symbol, impatientOptions(asker, this.#abort.signal));
  }

  async fetchOrderBook(symbol: string, depth: number, asker?: Asker): Promise<OrderBookDraft | null> {
    const { bids, asks } = await this.#rest.fetchDepth(symbol, depth, impatientOptions(asker, this.#abort.signal));
    const receivedAt = this.#streamContext.stamp(this.context.clock.now());
    return { type: 'orderbook', kind: 'snapshot', time: receivedAt, receivedAt, bids, asks };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  protected reconcile(): void {
    if (!this.#isStarted || this.#closing !== null) return;
    const demands = this.#demands();
    for (const [name, stream] of this.#streams) {
      if (demands.has(name)) continue;
      this.#streams.delete(name);
      this.#sockets.remove(stream);
      stream[Symbol.dispose]();
    }
    for (const [name, { address, feeds }] of demands) this.#open(name, address).setFeeds(feeds);
    this.#checks.want(new Set([...this.#streams.values()].filter((stream) => stream instanceof DepthStream)));
    this.#sockets.reconcile();
  }

  async #close(): Promise<void> {
    this.#abort.abort();
    this.#checks[Symbol.dispose]();
    for (const stream of this.#streams.values()) stream[Symbol.dispose]();
    this.#streams.clear();
    await Promise.all([this.#sockets.close(), this.#catalogKeeper.close(), this.#rest.close()]);
    this.catalogFailed();
    this.countConnections(0);
    this.setStatus({ kind: 'closed' });
  }

  /**
   * The streams that the wanted feeds are made from. A feed that the venue does not trade is reported as closed, once
   * for each reason.
   */
  #demands(): Map<string, Demand> {
    const demands = new Map<string, Demand>();
    const untraded = new Map<Feed, string>();
    for (const feed of this.wanted) {
      if (!this.#isTraded(feed.symbol)) {
        untraded.set(feed, this.#whyClosed(feed.symbol));
        continue;
      }
      const address = streamOf(feed, this.#options.trades);
      const name = toStreamName(address);
      const demand = demands.get(name);
      if (demand === undefined) demands.set(name, { address, feeds: new Set([feed]) });
      else demand.feeds.add(feed);
    }
    for (const [feed, reason] of untraded) {
      if (this.#untraded.get(feed) !== reason) this.context.sink.onFeed(feed, { kind: 'closed', reason });
    }
    this.#untraded = untraded;
    return demands;
  }

  #whyClosed(symbol: string): string {
    return this.catalog?.get(symbol) === undefined
      ? `The venue does not list ${symbol}.`
      : `The venue has halted trading in ${symbol}; it is asked again every minute.`;
  }

  /** Until the catalog is known, any text that can be a symbol counts as traded. */
  #isTraded(symbol: string): boolean {
    if (this.catalog === null) return isPossibleSymbol(symbol);
    return isPossibleSymbol(symbol) && this.catalog.get(symbol)?.tradable === true;
  }

  #open(name: string, address: VenueStreamAddress): MarketStream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream = openStream(address, { name, symbol: address.symbol, context: this.#streamContext });
    this.#streams.set(name, stream);
    this.#sockets.add(stream);
    return stream;
  }

  #reportStatus(): void {
    if (this.#closing !== null) return;
    const { isStandby, states, silence, openConnections } = this.#sockets;
    this.countConnections(openConnections);
    const isReady = isStandby && this.catalog !== null;
    this.setStatus(
      isReady ? { kind: 'connected' } : binanceStatus(states, { catalogKnown: this.catalog !== null, silence }),
    );
  }

  #streamName(feed: Feed): string {
    return toStreamName(streamOf(feed, this.#options.trades));
  }
}

/** The broker's status depends on these, beside the states of its sockets. */
export interface BinanceStanding {
  readonly catalogKnown: boolean;
  /** Why nothing comes over a connection that is open; null if there is no such connection. */
  readonly silence: string | null;
}

/** The status of the broker, from the states of its sockets. */
export function binanceStatus(
  sockets: readonly RelayState[],
  { catalogKnown, silence }: BinanceStanding,
): BrokerStatus {
  const open = sockets.filter(({ kind }) => kind === 'open').length;
  if (open > 0) {
    if (open < sockets.length) {
      return { kind: 'degraded', reason: `${sockets.length - open} of ${sockets.length} connections are down.` };
    }
    if (silence !== null) return { kind: 'degraded', reason: silence };
    if (!catalogKnown) return { kind: 'degraded', reason: "The venue's list of instruments is not known yet." };
    return { kind: 'connected' };
  }
  // A socket that is connecting is closest to serving; otherwise the one that tries next.
  const best = sockets.reduce((a, b) => (rank(b) < rank(a) ? b : a), sockets[0] ?? { kind: 'connecting', attempt: 1 });
  return best.kind === 'open' ? { kind: 'connected' } : best;
}

function rank(state: RelayState): number {
  return state.kind === 'waiting' ? state.delayMs : -1;
}

function openStream({ kind }: VenueStreamAddress, options: StreamOptions): MarketStream {
  switch (kind.type) {
    case 'tick':
      return new TickStream(options);
    case 'trade':
      return new TradeStream({ ...options, mode: kind.mode });
    case 'candle':
      return new KlineStream({ ...options, interval: kind.interval });
    case 'orderbook':
      return new DepthStream(options);
    default:
      return assertNever(kind);
  }
}

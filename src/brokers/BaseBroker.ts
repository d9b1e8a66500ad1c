import type { InstrumentCatalog } from '../market/instrument.ts';
import type {
  CandleDraft,
  CandleInterval,
  FeedEventDraft,
  FeedType,
  OrderBookDraft,
  TickDraft,
  TradeDraft,
} from '../market/marketData.ts';
import type { ProvokedFault } from '../market/mockFault.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { Random } from '../shared/random.ts';

/**
 * One stream that the gateway wants from a venue. The broker passes the same object back with every event and condition
 * of it, so that routing follows a pointer and needs no lookup.
 */
export interface Feed {
  readonly symbol: string;
  readonly type: FeedType;
  /** The interval of candles; null for every other type. */
  readonly interval: CandleInterval | null;
  /** The clients that want it just now. Left out: nobody in particular. */
  readonly askers?: Askers;
  /**
   * The place of the last trade (its id) or closed candle (its open time) that was published, whatever adapter it came
   * from; before the first, that up to which subscribers were given the venue's history. Null or left out: there was none.
   */
  readonly lastPlace?: number | null;
}

/** The state of a broker's connection to its venue. */
export type BrokerStatus =
  | { readonly kind: 'connecting'; readonly attempt: number }
  /** `note`: what clients should know of the broker although all is well. */
  | { readonly kind: 'connected'; readonly note?: string }
  /** Serves some of its feeds, but not all. */
  | { readonly kind: 'degraded'; readonly reason: string }
  /** Not connected; tries again by itself. */
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'closed' };

/** The condition of one feed. The reason is a short sentence for a person, without any secret or text of the venue. */
export type FeedCondition =
  /** Subscribed and in step with the venue. */
  | { readonly kind: 'live' }
  /** Connected, but what should come does not, or comes late. It holds until the broker reports something else. */
  | { readonly kind: 'stale'; readonly reason: string }
  /** The published data may no longer be true; it is being corrected. */
  | { readonly kind: 'recovering'; readonly reason: string }
  /** The last value no longer holds; the feed itself is fine, and the next event makes it live again. */
  | { readonly kind: 'withdrawn'; readonly reason: string }
  /** Nothing will come: not listed, or its market is closed. */
  | { readonly kind: 'closed'; readonly reason: string }
  /**
   * Events were lost that the venue does not have any more; the feed goes on. `to`: the time of the first event after
   * them, null if it has not come yet. Reported before that event.
   */
  | { readonly kind: 'gap'; readonly reason: string; readonly to: Timestamp | null };

/** True if there is nothing new to report. */
export function isSameCondition(a: FeedCondition, b: FeedCondition): boolean {
  if (a.kind === 'live') return b.kind === 'live';
  return a.kind === b.kind && 'reason' in b && a.reason === b.reason;
}

/** Takes what a broker has to report. All calls are synchronous and never throw. */
export interface BrokerSink {
  onEvent(feed: Feed, event: FeedEventDraft): void;
  onFeed(feed: Feed, condition: FeedCondition): void;
  onStatus(status: BrokerStatus): void;
  /** The venue has sent market data. A ping, or the answer to a request, proves less. */
  onActivity(): void;
  /** The catalog was loaded, or loaded anew. */
  onCatalog(catalog: InstrumentCatalog): void;
}

/** A request for the history of candles: with a start the oldest `limit` from there, otherwise the newest. */
export interface CandleQuery {
  readonly symbol: string;
  readonly interval: CandleInterval;
  /** Milliseconds since the epoch, of the candle's open time, inclusive; null: as the limit says. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** 1 to 5000. */
  readonly limit: number;
}

/** The composition root gives this to every broker. */
export interface BrokerContext {
  readonly id: string;
  readonly sink: BrokerSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `feeds.staleAfterMs` of the configuration. */
  readonly staleAfterMs: number;
  readonly reconnect: { readonly baseMs: number; readonly maxMs: number };
  /** Is told each frame of the venue's live data, as it came, before it is handled. @default nobody wants them */
  readonly onFrame?: ((text: string) => void) | undefined;
}

/** The fixed properties of a broker. */
export interface BrokerTraits {
  readonly kind: string;
  readonly supportedTypes: readonly FeedType[];
  readonly synthetic: boolean;
  readonly requiresAuthentication: boolean;
}

/**
 * Keeps one account with a venue alive: given a wanted set, it connects, reconciles the venue's subscriptions with that
 * set, forwards what comes to its sink, and after any loss begins again with the whole set. Its creator calls `start()`
 * once and owns it until `close()`.
 */
export abstract class BaseBroker implements AsyncDisposable {
  abstract readonly traits: BrokerTraits;
  protected readonly context: BrokerContext;
  #wanted: ReadonlySet<Feed> = new Set();
  #catalog: InstrumentCatalog | null = null;
  readonly #catalogTried = Promise.withResolvers<void>();
  #status: BrokerStatus | null = null;
  #openConnections = 0;

  constructor(context: BrokerContext) {
    this.context = context;
  }

  get id(): string {
    return this.context.id;
  }

  /** The instruments that the venue lists; null until they have been loaded once. */
  get catalog(): InstrumentCatalog | null {
    return this.#catalog;
  }

  /** Resolves once the first attempt to load the catalog has succeeded, failed, or taken long. Never rejects. */
  get catalogTried(): Promise<void> {
    return this.#catalogTried.promise;
  }

  /** The venue refuses its credentials, and it makes no further requests. */
  get isRefused(): boolean {
    return false;
  }

  protected get wanted(): ReadonlySet<Feed> {
    return this.#wanted;
  }

  /**
   * The set is replaced whole; the broker keeps no other memory of what was wanted. Acted on at once: the caller
   * collects the changes of one turn of the event loop first.
   */
  setWanted(feeds: ReadonlySet<Feed>): void {
    this.#wanted = feeds;
    this.reconcile();
  }

  /**
   * While another gateway is connected to the venue, this one opens no connection for streams. It still knows the
   * catalog, and answers requests. Nothing is wanted meanwhile.
   */
  standBy(_isStandby: boolean): void {}

  protected setCatalog(catalog: InstrumentCatalog): void {
    this.#catalog = catalog;
    this.#catalogTried.resolve();
    this.context.sink.onCatalog(catalog);
  }

  /** An attempt to load the catalog failed or takes long: nobody waits for the first one any longer. */
  protected catalogFailed(): void {
    this.#catalogTried.resolve();
  }

  /** Reports the status if it has changed. */
  protected setStatus(status: BrokerStatus): void {
    if (JSON.stringify(status) === JSON.stringify(this.#status)) return;
    this.#status = status;
    this.context.sink.onStatus(status);
  }

  /**
   * Reports to the metrics how many connections are open now. Several brokers may share the label: accounts, or one
   * that ends late and its successor.
   */
  protected countConnections(open: number): void {
    const { id, metrics } = this.context;
    metrics.upstreamConnections.inc({ broker: id }, open - this.#openConnections);
    this.#openConnections = open;
  }

  /**
   * Asks the venue again what it lists, because something is not in the catalog; at most once a minute. Resolves when
   * it has answered, at once if it was asked just before. Never rejects.
   */
  renewCatalog(): Promise<void> {
    return Promise.resolve();
  }

  /** Begins to connect. Returns at once and never throws: what goes wrong is reported to the sink, and tried again. */
  abstract start(): void;

  /** Brings the venue's subscriptions in line with `wanted`, which has changed. */
  protected abstract reconcile(): void;

  /** Begins the feed again from the venue's own state, because its published data can't be right. */
  abstract resync(feed: Feed, reason: string): void;

  // Single requests. `asker` is the client on whose behalf the venue is asked; without one it is the gateway.

  /** Closed candles, oldest first, and last the one still open. Throws BROKER_UNAVAILABLE. */
  abstract fetchCandles(query: CandleQuery, asker?: Asker): Promise<readonly CandleDraft[]>;

  /** The latest trades, oldest first. Throws BROKER_UNAVAILABLE, and UNSUPPORTED_TYPE if there is no trade feed. */
  fetchTrades(_symbol: string, _limit: number, _asker?: Asker): Promise<readonly TradeDraft[]> {
    return Promise.reject(new GatewayError('UNSUPPORTED_TYPE', `Broker ${this.id} has no trades.`));
  }

  /**
   * The trade with this id, if the venue still has it, and those behind it, oldest first; at most the oldest `limit`.
   * Only for venues whose ids are whole numbers that rise by one. Throws BROKER_UNAVAILABLE, and UNSUPPORTED_TYPE if the
   * venue can't be asked for them.
   */
  fetchTradesFrom(_symbol: string, _tradeId: number, _limit: number, _asker?: Asker): Promise<readonly TradeDraft[]> {
    return Promise.reject(new GatewayError('UNSUPPORTED_TYPE', `Broker ${this.id} has no past trades.`));
  }

  /**
   * Subscribers of the feed were given the venue's history up to this place (the id of a trade, the open time of a
   * closed candle). If the feed has published nothing yet, it sees to it that nothing is missing between that and its
   * first event. It may still publish what is in the history.
   */
  continueBehind(feed: Feed, _place: number): void {
    const { id, metrics, sink } = this.context;
    metrics.gaps.inc({ broker: id, type: feed.type });
    const reason = `What came of ${feed.symbol} (${feed.type}) before this connection can't be fetched.`;
    sink.onFeed(feed, { kind: 'gap', reason, to: null });
  }

  /** The venue's best bid and ask just now; null if it quotes none. Throws BROKER_UNAVAILABLE. */
  abstract fetchTick(symbol: string, asker?: Asker): Promise<TickDraft | null>;

  /** The venue's book just now, `depth` levels a side at most; null if it has none. Throws BROKER_UNAVAILABLE. */
  abstract fetchOrderBook(symbol: string, depth: number, asker?: Asker): Promise<OrderBookDraft | null>;

  /**
   * Misbehaves from now on as asked. Throws BAD_REQUEST for a venue that is not made up, UNKNOWN_SYMBOL, and LIMIT_EXCEEDED
   * if too many faults are on.
   */
  provoke(_fault: ProvokedFault): Promise<void> {
    const message = `Broker ${this.id} has a real venue: only mock brokers misbehave on demand.`;
    return Promise.reject(new GatewayError('BAD_REQUEST', message));
  }

  /** Ends every connection and timer; resolves when nothing is left. May be called again. */
  abstract close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

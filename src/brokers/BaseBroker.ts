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
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { Random } from '../shared/random.ts';

/**
 * One stream that the gateway wants of a venue. Interned: whoever wants it makes one object, and the broker hands the
 * same object back with everything it has to say of it, so that routing is a pointer and not a lookup.
 */
export interface Feed {
  readonly symbol: string;
  readonly type: FeedType;
  /** Of candles; null for every other type. */
  readonly interval: CandleInterval | null;
  /** For whom it is wanted just now. Left out: for nobody in particular. */
  readonly askers?: Askers;
}

/** How a broker's connection to its venue stands. */
export type BrokerStatus =
  | { readonly kind: 'connecting'; readonly attempt: number }
  | { readonly kind: 'connected' }
  /** Serves, but not all that it should. */
  | { readonly kind: 'degraded'; readonly reason: string }
  /** Not connected; tries again by itself. */
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'closed' };

/** How one feed stands. The reason is a short sentence for a person, without any secret or raw venue text. */
export type FeedCondition =
  /** Subscribed and in step with the venue. */
  | { readonly kind: 'live' }
  /** Connected, but nothing comes where something should. */
  | { readonly kind: 'stale'; readonly reason: string }
  /** What was sent may no longer hold; it is being put right. */
  | { readonly kind: 'recovering'; readonly reason: string }
  /** Nothing will come: not listed, or its market is closed. */
  | { readonly kind: 'closed'; readonly reason: string }
  /** Events were lost that the venue does not have any more; the feed goes on. */
  | { readonly kind: 'gap'; readonly reason: string };

/** True if there is nothing new to report. The reason of a silence, which grows, is not news. */
export function isSameCondition(a: FeedCondition, b: FeedCondition): boolean {
  if (a.kind === 'live' || a.kind === 'stale') return a.kind === b.kind;
  return a.kind === b.kind && 'reason' in b && a.reason === b.reason;
}

/** Where a broker puts what it has. All calls are synchronous and never throw. */
export interface BrokerSink {
  onEvent(feed: Feed, event: FeedEventDraft): void;
  onFeed(feed: Feed, condition: FeedCondition): void;
  onStatus(status: BrokerStatus): void;
  /** Any sign of life from the venue, a ping too. */
  onActivity(): void;
  /** The catalog was loaded, or loaded anew. */
  onCatalog(catalog: InstrumentCatalog): void;
}

export interface CandleQuery {
  readonly symbol: string;
  readonly interval: CandleInterval;
  /** Milliseconds since the epoch, of the candle's open time, inclusive; null: as the limit says. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** 1 to 5000. */
  readonly limit: number;
}

/** What the composition root gives every broker. */
export interface BrokerContext {
  readonly id: string;
  readonly sink: BrokerSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `feeds` of the configuration. */
  readonly staleAfterMs: number;
  readonly reconnect: { readonly baseMs: number; readonly maxMs: number };
}

/** What a kind of broker is, whatever its state. */
export interface BrokerTraits {
  readonly kind: string;
  readonly supportedTypes: readonly FeedType[];
  readonly synthetic: boolean;
  readonly requiresAuthentication: boolean;
}

/**
 * Keeps one account with a venue alive: given a wanted set, it connects, reconciles the venue's subscriptions with that
 * set, forwards what comes to its sink, and after any loss begins again with the whole set. Whoever constructs it calls
 * `start()` once and owns it until `close()`.
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

  /** What the venue lists; null while that was never learnt. */
  get catalog(): InstrumentCatalog | null {
    return this.#catalog;
  }

  /** Resolves once the first attempt to learn the catalog has ended, well or badly. Never rejects. */
  get catalogTried(): Promise<void> {
    return this.#catalogTried.promise;
  }

  /** The venue refuses its credentials, and it asks no more. */
  get isRefused(): boolean {
    return false;
  }

  protected get wanted(): ReadonlySet<Feed> {
    return this.#wanted;
  }

  /**
   * The set is replaced whole; the broker keeps no other memory of what was wanted. Acted on at once: whoever calls it collects
   * the changes of one turn of the event loop first.
   */
  setWanted(feeds: ReadonlySet<Feed>): void {
    this.#wanted = feeds;
    this.reconcile();
  }

  protected setCatalog(catalog: InstrumentCatalog): void {
    this.#catalog = catalog;
    this.#catalogTried.resolve();
    this.context.sink.onCatalog(catalog);
  }

  /** An attempt to learn the catalog failed: nobody waits for the first one any longer. */
  protected catalogFailed(): void {
    this.#catalogTried.resolve();
  }

  /** Tells how it stands, where that has changed. */
  protected setStatus(status: BrokerStatus): void {
    if (JSON.stringify(status) === JSON.stringify(this.#status)) return;
    this.#status = status;
    this.context.sink.onStatus(status);
  }

  /** Connections that are open now. Several brokers may share the label: accounts, or one that ends late and its successor. */
  protected countConnections(open: number): void {
    const { id, metrics } = this.context;
    metrics.upstreamConnections.inc({ broker: id }, open - this.#openConnections);
    this.#openConnections = open;
  }

  /** Begins to connect. Returns at once and never throws: what goes wrong is told to the sink, and tried again. */
  abstract start(): void;

  /** `wanted` has changed. */
  protected abstract reconcile(): void;

  /** What was published of this feed can't be right: forget it, and begin again from the venue's own state. */
  abstract resync(feed: Feed, reason: string): void;

  // What is asked once. `asker`: the client that asks, and waits behind nobody who asks for more; none: the gateway.

  /** Closed candles, oldest first, and last the one still open. Throws BROKER_UNAVAILABLE. */
  abstract fetchCandles(query: CandleQuery, asker?: Asker): Promise<readonly CandleDraft[]>;

  /** The latest trades, oldest first. Throws BROKER_UNAVAILABLE, and UNSUPPORTED_TYPE where there is no trade feed. */
  fetchTrades(_symbol: string, _limit: number, _asker?: Asker): Promise<readonly TradeDraft[]> {
    return Promise.reject(new GatewayError('UNSUPPORTED_TYPE', `Broker ${this.id} has no trades.`));
  }

  /** The venue's best bid and ask just now; null where it quotes none. Throws BROKER_UNAVAILABLE. */
  abstract fetchTick(symbol: string, asker?: Asker): Promise<TickDraft | null>;

  /** The venue's book just now, `depth` levels a side at most; null where it has none. Throws BROKER_UNAVAILABLE. */
  abstract fetchOrderBook(symbol: string, depth: number, asker?: Asker): Promise<OrderBookDraft | null>;

  /** Ends every connection and timer; resolves when nothing is left. May be called again. */
  abstract close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

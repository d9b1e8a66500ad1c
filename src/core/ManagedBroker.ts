import type { BaseBroker, BrokerSink, BrokerStatus, BrokerTraits, Feed } from '../brokers/BaseBroker.ts';
import type { EventBus } from '../bus/EventBus.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { CandleInterval, FeedEventDraft, FeedType, MarketDataType } from '../market/marketData.ts';
import { streamKey } from '../market/streamKey.ts';
import type { Scope, StreamKey } from '../market/streamKey.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { assertNever } from '../shared/assertNever.ts';
import type { Clock } from '../shared/clock.ts';
import type { Metrics } from '../shared/metrics.ts';
import { randomId } from '../shared/random.ts';
import { FeedMonitor } from './FeedMonitor.ts';
import type { SymbolStatus } from './FeedMonitor.ts';
import { FedStream, LiveStream } from './LiveStream.ts';

export const BROKER_STATES = ['disabled', 'connecting', 'connected', 'degraded', 'disconnected'] as const;
export type BrokerState = (typeof BROKER_STATES)[number];

/** What is told of a broker: the fields of the GraphQL type `Broker`. */
export interface BrokerInfo {
  readonly id: string;
  readonly kind: string;
  readonly state: BrokerState;
  readonly enabled: boolean;
  readonly requiresAuthentication: boolean;
  readonly supportedTypes: readonly MarketDataType[];
  readonly synthetic: boolean;
  readonly lastMessageAt: Timestamp | null;
  readonly reason: string | null;
}

/** A broker as configured: made anew each time it is taken into service. */
export interface BrokerDefinition {
  readonly id: string;
  readonly enabled: boolean;
  create(sink: BrokerSink): BaseBroker;
}

export interface ManagedBrokerOptions {
  readonly definition: BrokerDefinition;
  readonly scope: Scope;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly staleAfterMs: number;
  /** How long a stream stays open upstream after the last who wanted it has left. */
  readonly lingerMs: number;
  readonly onChange: (info: BrokerInfo) => void;
  /** The stream is at its end: what was kept of it may be forgotten. */
  readonly onStreamClosed: (key: StreamKey) => void;
  /** What was kept of the stream's book holds no longer. */
  readonly onBookLost: (key: StreamKey) => void;
}

/** One stream of one symbol, as somebody asks for it. */
export interface StreamWish {
  readonly symbol: string;
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
}

/**
 * One broker in service: the streams that are wanted of it, how its connection and its feeds stand, and the numbering of
 * what it sends. Interest is counted for each stream; the first opens it upstream, the last to leave closes it after a
 * linger. Owned by the BrokerManager.
 */
export class ManagedBroker implements AsyncDisposable {
  readonly traits: BrokerTraits;
  readonly #options: ManagedBrokerOptions;
  readonly #broker: BaseBroker;
  readonly #monitor: FeedMonitor;
  readonly #streams = new Map<StreamKey, FedStream>();
  readonly #byFeed = new Map<Feed, FedStream>();
  readonly #statuses = new Map<string, LiveStream>();
  #status: BrokerStatus = { kind: 'closed' };
  #lastMessageAtMs: number | null = null;
  #reconciliation: Disposable | null = null;

  constructor(options: ManagedBrokerOptions) {
    this.#options = options;
    this.#monitor = new FeedMonitor({
      clock: options.clock,
      staleAfterMs: options.staleAfterMs,
      tell: (symbol, status) => {
        this.#publishStatus(symbol, status);
      },
    });
    this.#broker = options.definition.create(this.#sink());
    this.traits = this.#broker.traits;
    this.#countState();
  }

  get info(): BrokerInfo {
    const { id, enabled } = this.#options.definition;
    const { kind, requiresAuthentication, supportedTypes, synthetic } = this.traits;
    return {
      id,
      kind,
      state: this.#state(),
      enabled,
      requiresAuthentication,
      supportedTypes: [...supportedTypes, 'status'],
      synthetic,
      lastMessageAt: this.#lastMessageAtMs === null ? null : fromEpochMs(this.#lastMessageAtMs),
      reason: enabled ? outage(this.#status) : 'Taken out of service.',
    };
  }

  get catalog(): InstrumentCatalog | null {
    return this.#broker.catalog;
  }

  get catalogTried(): Promise<void> {
    return this.#broker.catalogTried;
  }

  /** The adapter itself, for what is asked of the venue once (history). */
  get adapter(): BaseBroker {
    return this.#broker;
  }

  /** Streams open upstream, those included that only linger. */
  get openStreams(): number {
    return this.#streams.size;
  }

  start(): void {
    if (this.#options.definition.enabled) this.#broker.start();
  }

  keyOf({ symbol, type, interval }: Omit<StreamWish, 'type'> & { readonly type: MarketDataType }): StreamKey {
    const { definition, scope } = this.#options;
    return streamKey({ scope, broker: definition.id, symbol, type, interval });
  }

  /** Wants a stream until disposed of. */
  want(wish: StreamWish): Disposable {
    const key = this.keyOf(wish);
    const stream = this.#streams.get(key) ?? this.#open(key, wish);
    stream.linger?.[Symbol.dispose]();
    stream.linger = null;
    stream.interests += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release(stream);
        held = false;
      },
    };
  }

  /** The stream's book can't be right: the broker begins it again. */
  resync(key: StreamKey, reason: string): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    this.#condition(stream.feed, { kind: 'recovering', reason });
    this.#broker.resync(stream.feed, reason);
  }

  async close(): Promise<void> {
    this.#reconciliation?.[Symbol.dispose]();
    for (const stream of this.#streams.values()) stream.linger?.[Symbol.dispose]();
    this.#monitor[Symbol.dispose]();
    await this.#broker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(key: StreamKey, { symbol, type, interval }: StreamWish): FedStream {
    const { definition, scope } = this.#options;
    const feed: Feed = { symbol, type, interval };
    const stream = new FedStream({ scope, broker: definition.id, symbol, type, interval }, feed, randomId());
    this.#streams.set(key, stream);
    this.#byFeed.set(feed, stream);
    this.#monitor.open(feed, outage(this.#status));
    this.#reconcile();
    return stream;
  }

  #release(stream: FedStream): void {
    stream.interests -= 1;
    if (stream.interests > 0) return;
    stream.linger = this.#options.clock.after(this.#options.lingerMs, () => {
      this.#streams.delete(stream.key);
      this.#byFeed.delete(stream.feed);
      this.#monitor.close(stream.feed);
      this.#options.onStreamClosed(stream.key);
      this.#forgetStatus(stream.feed.symbol);
      this.#reconcile();
    });
  }

  /** Many changes of one turn reach the broker as one. */
  #reconcile(): void {
    this.#reconciliation ??= this.#options.clock.turn(() => {
      this.#reconciliation = null;
      this.#options.metrics.upstreamStreams.set({ broker: this.#options.definition.id }, this.#byFeed.size);
      this.#broker.setWanted(new Set(this.#byFeed.keys()));
    });
  }

  #sink(): BrokerSink {
    return {
      onEvent: (feed, draft) => {
        this.#event(feed, draft);
      },
      onFeed: (feed, condition) => {
        this.#condition(feed, condition);
      },
      onStatus: (status) => {
        this.#setStatus(status);
      },
      onActivity: () => {
        this.#lastMessageAtMs = this.#options.clock.now();
      },
      onCatalog: () => {
        this.#options.onChange(this.info);
      },
    };
  }

  #event(feed: Feed, draft: FeedEventDraft): void {
    const stream = this.#byFeed.get(feed);
    if (stream === undefined) return;
    this.#options.metrics.eventsReceived.inc({ broker: this.#options.definition.id, type: draft.type });
    this.#monitor.beat(feed);
    this.#options.bus.publish(stream.key, stream.number(draft));
  }

  #condition(feed: Feed, condition: Parameters<BrokerSink['onFeed']>[1]): void {
    const stream = this.#byFeed.get(feed);
    if (stream === undefined) return;
    if (feed.type === 'orderbook' && (condition.kind === 'recovering' || condition.kind === 'closed')) {
      this.#options.onBookLost(stream.key);
    }
    this.#monitor.condition(feed, condition);
  }

  #setStatus(status: BrokerStatus): void {
    const before = this.#state();
    const reason = outage(this.#status);
    this.#status = status;
    const now = outage(status);
    if (now !== null && status.kind !== 'degraded') {
      for (const stream of this.#streams.values()) this.#loseBook(stream);
      this.#monitor.outage(now);
    }
    if (before === this.#state() && reason === now) return;
    this.#countState();
    this.#options.onChange(this.info);
  }

  #loseBook(stream: FedStream): void {
    if (stream.feed.type === 'orderbook') this.#options.onBookLost(stream.key);
  }

  #publishStatus(symbol: string, { state, reason, gap }: SymbolStatus): void {
    const { bus, clock, definition, scope } = this.#options;
    let stream = this.#statuses.get(symbol);
    if (stream === undefined) {
      stream = new LiveStream({ scope, broker: definition.id, symbol, type: 'status', interval: null }, randomId());
      this.#statuses.set(symbol, stream);
    }
    const now = fromEpochMs(clock.now());
    bus.publish(stream.key, stream.stamp({ type: 'status', time: now, receivedAt: now, state, reason, gap }));
  }

  #forgetStatus(symbol: string): void {
    const status = this.#statuses.get(symbol);
    if (status === undefined || [...this.#byFeed.keys()].some((feed) => feed.symbol === symbol)) return;
    this.#statuses.delete(symbol);
    this.#options.onStreamClosed(status.key);
  }

  #state(): BrokerState {
    if (!this.#options.definition.enabled) return 'disabled';
    const { kind } = this.#status;
    switch (kind) {
      case 'connecting':
      case 'connected':
      case 'degraded':
        return kind;
      case 'waiting':
      case 'closed':
        return 'disconnected';
      default:
        return assertNever(kind);
    }
  }

  #countState(): void {
    const state = this.#state();
    for (const each of BROKER_STATES) {
      this.#options.metrics.brokerState.set(
        { broker: this.#options.definition.id, state: each },
        each === state ? 1 : 0,
      );
    }
  }
}

/** Why a broker does not serve all that it should, for a person; null where it does. */
function outage(status: BrokerStatus): string | null {
  switch (status.kind) {
    case 'connected':
      return null;
    case 'degraded':
    case 'waiting':
      return status.reason;
    case 'connecting':
      return 'Connecting to the venue.';
    case 'closed':
      return 'Not connected.';
    default:
      return assertNever(status);
  }
}

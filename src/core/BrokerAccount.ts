import type { BaseBroker, BrokerSink, BrokerStatus, Feed, FeedCondition } from '../brokers/BaseBroker.ts';
import type { Channel, EventBus } from '../bus/EventBus.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { CandleInterval, FeedEventDraft, FeedType, MarketDataType } from '../market/marketData.ts';
import { streamKey } from '../market/streamKey.ts';
import type { Scope, StreamKey } from '../market/streamKey.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import { assertNever } from '../shared/assertNever.ts';
import type { Clock } from '../shared/clock.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Metrics } from '../shared/metrics.ts';
import { randomId } from '../shared/random.ts';
import type { BrokerStanding, BrokerState } from './brokerInfo.ts';
import { VenueFeed, NumberedStream } from './NumberedStream.ts';
import { FeedMonitor } from './FeedMonitor.ts';
import type { SymbolStatus } from './FeedMonitor.ts';

export interface BrokerAccountOptions {
  readonly id: string;
  readonly scope: Scope;
  readonly enabled: boolean;
  /** Makes the adapter anew each time that the broker is taken into service. */
  readonly create: (sink: BrokerSink) => BaseBroker;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly staleAfterMs: number;
  /** How long a stream stays open upstream after the last who wanted it has left. */
  readonly lingerMs: number;
  readonly onChange: () => void;
  /** What is wanted upstream has changed. */
  readonly onWanted: () => void;
}

/** One stream of one symbol, as somebody asks for it. */
export interface StreamWish {
  readonly symbol: string;
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
}

/** A symbol's statuses, and where they go. */
interface Statuses {
  readonly stream: NumberedStream;
  readonly channel: Channel;
}

const OUT_OF_SERVICE = 'The broker is out of service.';

/**
 * One account with a venue: the streams that are wanted of it, how its connection and its feeds stand, and the numbering of
 * what it sends. Interest is counted for each stream; the first opens it upstream, the last to leave closes it after a
 * linger. Out of service it keeps what is wanted, and goes on with it afterwards. Owned by a ConfiguredBroker.
 */
export class BrokerAccount implements AsyncDisposable {
  readonly scope: Scope;
  readonly #options: BrokerAccountOptions;
  readonly #monitor: FeedMonitor;
  readonly #streams = new Map<StreamKey, VenueFeed>();
  readonly #statuses = new Map<string, Statuses>();
  /** Null while it is out of service. */
  #broker: BaseBroker | null = null;
  /** Of the adapter before. */
  #formerCatalog: InstrumentCatalog | null = null;
  #status: BrokerStatus = { kind: 'closed' };
  #lastMessageAtMs: number | null = null;
  #reconciliation: Disposable | null = null;
  #closed = false;
  /** Which adapter is heard. */
  #life = 0;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: BrokerAccountOptions) {
    this.#options = options;
    this.scope = options.scope;
    this.#monitor = new FeedMonitor({
      clock: options.clock,
      staleAfterMs: options.staleAfterMs,
      tell: (symbol, status) => {
        this.#publishStatus(symbol, status);
      },
    });
  }

  /** Where it is enabled, begins to connect. To be called once. */
  start(): void {
    if (this.#options.enabled) this.#enable();
  }

  get standing(): BrokerStanding {
    return {
      state: this.#state(),
      lastMessageAt: this.#lastMessageAtMs === null ? null : fromEpochMs(this.#lastMessageAtMs),
      reason: this.#broker === null ? OUT_OF_SERVICE : outage(this.#status),
    };
  }

  get catalog(): InstrumentCatalog | null {
    return this.#broker?.catalog ?? null;
  }

  /** What the venue listed when it was asked last, be it out of service now. */
  get lastCatalog(): InstrumentCatalog | null {
    return this.#broker?.catalog ?? this.#formerCatalog;
  }

  get catalogTried(): Promise<void> {
    return this.#broker?.catalogTried ?? Promise.resolve();
  }

  /** The adapter itself, for what is asked of the venue once (history). Null while out of service. */
  get adapter(): BaseBroker | null {
    return this.#broker;
  }

  /** Streams open upstream, those included that only linger. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Takes it in or out of service; what is wanted stays wanted. */
  setEnabled(enabled: boolean): void {
    if (this.#closed || enabled === (this.#broker !== null)) return;
    if (enabled) {
      this.#monitor.setAll('recovering', 'Connecting to the venue.');
      this.#enable();
      this.#reconcile();
    } else {
      this.#disable();
    }
    this.#options.onChange();
  }

  /** The venue has just accepted its credentials: where it refused them before, it is asked for everything anew. */
  accepted(): void {
    if (this.#broker?.isRefused !== true) return;
    this.#endAdapter();
    this.#monitor.setAll('recovering', 'The venue accepts the credentials again.');
    this.#enable();
    this.#reconcile();
    this.#options.onChange();
  }

  keyOf({ symbol, type, interval }: Omit<StreamWish, 'type'> & { readonly type: MarketDataType }): StreamKey {
    return streamKey({ scope: this.scope, broker: this.#options.id, symbol, type, interval });
  }

  /** Wants a stream for somebody until disposed of. Null: it is closed, and has no streams any more. */
  want(wish: StreamWish, asker: Asker): Disposable | null {
    if (this.#closed) return null;
    const key = this.keyOf(wish);
    const stream = this.#streams.get(key) ?? this.#open(key, wish);
    stream.linger?.[Symbol.dispose]();
    stream.linger = null;
    stream.want(asker);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release(stream, asker);
        held = false;
      },
    };
  }

  /** The stream's book can't be right: the broker begins it again. */
  resync(key: StreamKey, reason: string): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    this.#condition(stream, { kind: 'recovering', reason });
    this.#broker?.resync(stream, reason);
  }

  /** Ends its connections, and forgets all that it knew. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reconciliation?.[Symbol.dispose]();
    this.#monitor[Symbol.dispose]();
    for (const { linger, channel } of this.#streams.values()) {
      linger?.[Symbol.dispose]();
      channel[Symbol.dispose]();
    }
    for (const { channel } of this.#statuses.values()) channel[Symbol.dispose]();
    this.#streams.clear();
    this.#statuses.clear();
    this.#endAdapter();
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enable(): void {
    this.#broker = this.#options.create(this.#sink());
    this.#broker.start();
  }

  #disable(): void {
    this.#endAdapter();
    for (const stream of this.#streams.values()) this.#loseBook(stream);
    this.#monitor.setAll('closed', OUT_OF_SERVICE);
  }

  #endAdapter(): void {
    const broker = this.#broker;
    this.#formerCatalog = this.lastCatalog;
    this.#broker = null;
    this.#life += 1;
    this.#status = { kind: 'closed' };
    if (broker !== null) this.#closing = Promise.all([this.#closing, broker.close()]).then(() => undefined);
  }

  #open(key: StreamKey, { symbol, type, interval }: StreamWish): VenueFeed {
    const { bus, id: broker, metrics } = this.#options;
    const stream = new VenueFeed({
      address: { scope: this.scope, broker, symbol, type, interval },
      life: randomId(),
      channel: bus.open(key),
      received: metrics.receivedTally(broker, type),
    });
    this.#streams.set(key, stream);
    this.#monitor.open(stream, outage(this.#status));
    if (this.#broker === null) this.#monitor.condition(stream, { kind: 'closed', reason: OUT_OF_SERVICE });
    this.#reconcile();
    return stream;
  }

  #release(stream: VenueFeed, asker: Asker): void {
    stream.unwant(asker);
    if (this.#closed || stream.interests > 0) return;
    stream.linger = this.#options.clock.after(this.#options.lingerMs, () => {
      this.#streams.delete(stream.key);
      stream.isOpen = false;
      this.#monitor.close(stream);
      stream.channel[Symbol.dispose]();
      this.#forgetStatus(stream.symbol);
      this.#reconcile();
    });
  }

  /** Many changes of one turn reach the broker as one. */
  #reconcile(): void {
    this.#reconciliation ??= this.#options.clock.turn(() => {
      this.#reconciliation = null;
      this.#broker?.setWanted(new Set(this.#streams.values()));
      this.#options.onWanted();
    });
  }

  /** What an adapter says after it was taken out of service is not heard. */
  #sink(): BrokerSink {
    this.#life += 1;
    const life = this.#life;
    const current = (): boolean => life === this.#life;
    return {
      onEvent: (feed, draft) => {
        if (current()) this.#event(feed, draft);
      },
      onFeed: (feed, condition) => {
        if (current()) this.#condition(feed, condition);
      },
      onStatus: (status) => {
        if (current()) this.#setStatus(status);
      },
      onActivity: () => {
        if (current()) this.#lastMessageAtMs = this.#options.clock.now();
      },
      onCatalog: () => {
        if (current()) this.#options.onChange();
      },
    };
  }

  #event(feed: Feed, draft: FeedEventDraft): void {
    if (!isOpen(feed)) return;
    feed.received.count += 1;
    this.#monitor.beat(feed, draft);
    feed.channel.publish(feed.number(draft));
  }

  #condition(feed: Feed, condition: FeedCondition): void {
    if (!isOpen(feed)) return;
    if (condition.kind === 'recovering' || condition.kind === 'closed') this.#loseBook(feed);
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
    this.#options.onChange();
  }

  #loseBook(stream: VenueFeed): void {
    if (stream.type === 'orderbook') stream.channel.reset();
  }

  #publishStatus(symbol: string, { state, reason, gap }: SymbolStatus): void {
    const { bus, clock, id } = this.#options;
    let statuses = this.#statuses.get(symbol);
    if (statuses === undefined) {
      const address = { scope: this.scope, broker: id, symbol, type: 'status', interval: null } as const;
      const stream = new NumberedStream(address, randomId());
      statuses = { stream, channel: bus.open(stream.key) };
      this.#statuses.set(symbol, statuses);
    }
    const now = fromEpochMs(clock.now());
    statuses.channel.publish(statuses.stream.stamp({ type: 'status', time: now, receivedAt: now, state, reason, gap }));
  }

  #forgetStatus(symbol: string): void {
    const statuses = this.#statuses.get(symbol);
    if (statuses === undefined || this.#monitor.has(symbol)) return;
    this.#statuses.delete(symbol);
    statuses.channel[Symbol.dispose]();
  }

  #state(): BrokerState {
    if (this.#broker === null) return 'disabled';
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
}

/** The broker hands back what it was given, which is the stream itself; of one at its end nothing is heard any more. */
function isOpen(feed: Feed): feed is VenueFeed {
  return feed instanceof VenueFeed && feed.isOpen;
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

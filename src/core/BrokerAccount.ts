import type { BaseBroker, BrokerSink, BrokerStatus, Feed, FeedCondition } from '../brokers/BaseBroker.ts';
import type { EventBus } from '../bus/EventBus.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { FeedEventDraft, MarketDataType, Scope, StreamKey } from '../market/marketData.ts';
import { streamKey } from '../market/marketData.ts';
import type { ProvokedFault } from '../market/mockFault.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import { outageOf, reasonOf, stateOf } from './brokerInfo.ts';
import type { BrokerStanding, BrokerState } from './brokerInfo.ts';
import { GuardedAdapter } from './GuardedAdapter.ts';
import type { Adapter } from './GuardedAdapter.ts';
import { Numberings, VenueFeed } from './NumberedStream.ts';
import type { WantedStream } from './NumberedStream.ts';
import { Production } from './Production.ts';
import { StatusStreams } from './StatusStreams.ts';
import { FeedLog } from './FeedLog.ts';
import { FeedMonitor } from './FeedMonitor.ts';
import type { SymbolStatus } from './FeedMonitor.ts';

export interface BrokerAccountOptions {
  readonly id: string;
  readonly scope: Scope;
  readonly enabled: boolean;
  /** Makes a new adapter each time that the broker is enabled or opened anew, and after a fault. */
  readonly create: (sink: BrokerSink) => BaseBroker;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly staleAfterMs: number;
  /** How long a stream stays open upstream after its last subscriber has left. */
  readonly lingerMs: number;
  readonly onChange: () => void;
  /** Called when the set of wanted streams has changed. */
  readonly onWanted: () => void;
}

const OUT_OF_SERVICE = 'The broker is out of service.';
const TAKES_OVER = 'This gateway takes over the connection to the venue.';
const REOPENED = 'The broker is being opened anew with other settings.';

/**
 * One account with a venue: the streams that are wanted from it, the state of its connection and its feeds, and the
 * numbering of its events. The first subscriber of a stream opens it upstream; some time after the last one has left it
 * is closed. A disabled account remembers what is wanted and continues with it when it is enabled again. Owned by a
 * Broker.
 */
export class BrokerAccount implements AsyncDisposable {
  readonly scope: Scope;
  readonly #options: Omit<BrokerAccountOptions, 'create'>;
  #create: BrokerAccountOptions['create'];
  readonly #monitor: FeedMonitor;
  readonly #log: FeedLog;
  readonly #numberings: Numberings;
  readonly #production: Production;
  readonly #streams = new Map<StreamKey, VenueFeed>();
  readonly #statuses: StatusStreams;
  /** Null while the account is disabled. */
  #broker: GuardedAdapter | null = null;
  /** Why it is disabled, if it is. */
  #outOfService = OUT_OF_SERVICE;
  /** The catalog of the previous adapter. */
  #formerCatalog: InstrumentCatalog | null = null;
  #status: BrokerStatus = { kind: 'closed' };
  #lastMessageAtMs: number | null = null;
  #reconciliation: Disposable | null = null;
  #closed = false;
  /** Identifies the current adapter. */
  #generation = 0;
  #closing: Promise<void> = Promise.resolve();

  constructor({ create, ...options }: BrokerAccountOptions) {
    this.#options = options;
    this.#create = create;
    this.scope = options.scope;
    this.#log = new FeedLog({ ...options, isAway: () => this.#isAway });
    this.#numberings = new Numberings(options.clock, () => this.#production.epoch());
    this.#production = new Production({
      ...options,
      numberings: this.#numberings,
      feeds: () => this.#streams.values(),
      want: (wish, asker) => this.want(wish, asker),
      onReady: () => {
        this.#reconcile();
      },
      onTurn: (isProducer) => {
        this.#turn(isProducer);
      },
    });
    this.#statuses = new StatusStreams({
      ...options,
      numberings: this.#numberings,
      past: (symbol) => this.#production.pastStatuses(symbol),
    });
    this.#monitor = new FeedMonitor({
      clock: options.clock,
      staleAfterMs: options.staleAfterMs,
      report: (symbol, status) => {
        // The statuses of streams that come from another gateway come with them.
        if (!this.#production.isProducer) return;
        this.#logStatus(symbol, status);
        this.#statuses.publish(symbol, status);
      },
    });
  }

  /** Begins to connect if the broker is enabled. Call this once. */
  start(): void {
    if (this.#options.enabled) this.#enable();
  }

  /** The venue has been asked for something. */
  get hasStarted(): boolean {
    return this.#broker === null || this.#status.kind !== 'closed';
  }

  get standing(): BrokerStanding {
    return {
      state: this.#state(),
      lastMessageAt: this.#lastMessageAtMs === null ? null : fromEpochMs(this.#lastMessageAtMs),
      reason: this.#broker === null ? this.#outOfService : reasonOf(this.#status),
    };
  }

  get catalog(): InstrumentCatalog | null {
    return this.#broker?.catalog ?? null;
  }

  /** The catalog as the venue last listed it, even if the account is disabled now. */
  get lastCatalog(): InstrumentCatalog | null {
    return this.#broker?.catalog ?? this.#formerCatalog;
  }

  get catalogTried(): Promise<void> {
    return this.#broker?.catalogTried ?? Promise.resolve();
  }

  /** Asks the venue again what it lists, at most once a minute. Never rejects. */
  renewCatalog(): Promise<void> {
    return this.#broker?.renewCatalog() ?? Promise.resolve();
  }

  /** The adapter itself, for one-off requests to the venue such as history. Null while the account is disabled. */
  get adapter(): Adapter | null {
    return this.#broker;
  }

  /** The number of streams open upstream, including those that nobody wants any more but that are not closed yet. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Enables the account, or disables it for this reason. Wanted streams stay wanted. */
  setEnabled(enabled: boolean, reason = OUT_OF_SERVICE): void {
    if (this.#closed || (enabled && this.#broker !== null)) return;
    if (enabled) {
      this.#monitor.setAll('recovering', 'Connecting to the venue.');
      this.#enable();
      this.#reconcile();
    } else if (this.#broker !== null || this.#outOfService !== reason) {
      this.#outOfService = reason;
      this.#disable();
    } else {
      return;
    }
    this.#options.onChange();
  }

  /** The venue has just accepted these credentials. If it had refused them before, the adapter is made anew. */
  accepted(): void {
    if (this.#broker?.isRefused === true) this.#openAnew('The venue accepts the credentials again.');
  }

  /** Adapters are made in another way from now on: the running one is replaced at once. Wanted streams stay wanted. */
  reopen(create: BrokerAccountOptions['create']): void {
    this.#create = create;
    if (this.#closed || this.#broker === null) return;
    this.#openAnew(REOPENED);
  }

  /** See `feeds.staleAfterMs` of the configuration. */
  set staleAfterMs(staleAfterMs: number) {
    this.#monitor.staleAfterMs = staleAfterMs;
  }

  keyOf({ symbol, type, interval }: Omit<WantedStream, 'type'> & { readonly type: MarketDataType }): StreamKey {
    return streamKey({ scope: this.scope, broker: this.#options.id, symbol, type, interval });
  }

  /** Opens the stream for one subscription, until disposed of. Returns null if the account is closed. */
  want(wish: WantedStream, asker: Asker): Disposable | null {
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

  /** The epoch is one that a leader of the fleet has made for streams of the account. */
  knowsEpoch(epoch: string): boolean {
    return this.#production.knows(epoch);
  }

  /** See BaseBroker.continueBehind. */
  continueBehind(key: StreamKey, place: number): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    // An adapter that is made before the first event has to know it, too.
    stream.continueBehind(place);
    this.#broker?.continueBehind(stream, place);
  }

  /** The stream's book can't be right: the adapter has to start it again. */
  resync(key: StreamKey, reason: string): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    if (!this.#production.isProducer) {
      this.#production.resync(key);
      return;
    }
    this.#condition(stream, { kind: 'recovering', reason });
    this.#broker?.resync(stream, reason);
  }

  /** See BaseBroker.provoke. Throws BROKER_UNAVAILABLE too, if the events are not made here. */
  async provoke(fault: ProvokedFault): Promise<void> {
    const { id } = this.#options;
    if (!this.#production.isProducer) {
      const message = `Another gateway of the fleet makes the data of broker ${id}: ask that one.`;
      throw new GatewayError('BROKER_UNAVAILABLE', message);
    }
    if (this.#broker === null) throw new GatewayError('BROKER_DISABLED', `Broker ${id} is out of service.`);
    await this.#broker.provoke(fault);
  }

  /** Closes the connections and forgets everything. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reconciliation?.[Symbol.dispose]();
    this.#monitor[Symbol.dispose]();
    this.#log[Symbol.dispose]();
    for (const { linger } of this.#streams.values()) linger?.[Symbol.dispose]();
    this.#endAdapter();
    const left = this.#production[Symbol.asyncDispose]();
    this.#statuses[Symbol.dispose]();
    this.#streams.clear();
    await Promise.all([left, this.#closing]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enable(): void {
    const broker = new GuardedAdapter({
      ...this.#options,
      create: this.#create,
      nextSink: () => this.#sink(),
    });
    this.#broker = broker;
    this.#production.join();
    broker.standBy(!this.#production.isProducer);
    broker.start();
    // A broker may have become one of another kind under the same id.
    for (const stream of this.#streams.values()) {
      if (isServed(stream, broker)) continue;
      this.#monitor.condition(stream, { kind: 'closed', reason: `Broker ${stream.broker} has no ${stream.type}.` });
    }
  }

  #disable(): void {
    this.#endAdapter();
    this.#production.leave();
    for (const stream of this.#streams.values()) this.#loseBook(stream);
    this.#monitor.setAll('closed', this.#outOfService);
  }

  #openAnew(reason: string): void {
    this.#endAdapter();
    // Other settings may mean other data.
    for (const { channel } of this.#streams.values()) channel.reset();
    this.#monitor.setAll('recovering', reason);
    this.#enable();
    this.#reconcile();
    this.#options.onChange();
  }

  #endAdapter(): void {
    const broker = this.#broker;
    this.#formerCatalog = this.lastCatalog;
    this.#broker = null;
    this.#generation += 1;
    this.#status = { kind: 'closed' };
    if (broker !== null) this.#closing = Promise.all([this.#closing, broker.close()]).then(() => undefined);
  }

  #open(key: StreamKey, { symbol, type, interval }: WantedStream): VenueFeed {
    const { id: broker, metrics } = this.#options;
    const address = { scope: this.scope, broker, symbol, type, interval };
    const stream = new VenueFeed({ address, received: metrics.receivedTally(broker, type) });
    this.#streams.set(key, stream);
    this.#production.begin(stream);
    this.#monitor.open(stream, outageOf(this.#status));
    if (this.#broker === null) this.#monitor.condition(stream, { kind: 'closed', reason: this.#outOfService });
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
      this.#production.end(stream);
      this.#forgetStatus(stream.symbol);
      this.#reconcile();
    });
  }

  /** Passes the changes of one turn of the event loop to the adapter at once. */
  #reconcile(): void {
    this.#reconciliation ??= this.#options.clock.turn(() => {
      this.#reconciliation = null;
      const broker = this.#broker;
      const { isProducer } = this.#production;
      const streams = [...this.#streams.values()].filter((stream) => isProducer && stream.isReady);
      broker?.setWanted(new Set(streams.filter((stream) => isServed(stream, broker))));
      this.#options.onWanted();
    });
  }

  /** The streams are produced here from now on, or by another gateway. */
  #turn(isProducer: boolean): void {
    this.#statuses.clear();
    this.#broker?.standBy(!isProducer);
    if (isProducer) this.#monitor.setAnew('recovering', outageOf(this.#status) ?? TAKES_OVER);
    this.#reconcile();
  }

  /** Ignores whatever an adapter reports after it was replaced. */
  #sink(): BrokerSink {
    this.#generation += 1;
    const generation = this.#generation;
    const current = (): boolean => generation === this.#generation;
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
    feed.last = draft;
    this.#monitor.recordEvent(feed, draft);
    feed.channel.publish(feed.number(draft));
  }

  #condition(feed: Feed, condition: FeedCondition): void {
    if (!isOpen(feed)) return;
    if (condition.kind === 'withdrawn') feed.channel.reset();
    else if (condition.kind === 'recovering' || condition.kind === 'closed') this.#loseBook(feed);
    this.#monitor.condition(feed, condition);
  }

  #setStatus(status: BrokerStatus): void {
    const before = this.#state();
    const reason = reasonOf(this.#status);
    this.#status = status;
    const now = outageOf(status);
    if (now !== null && status.kind !== 'degraded') {
      for (const stream of this.#streams.values()) this.#loseBook(stream);
      this.#monitor.outage(now);
    }
    if (before === this.#state() && reason === reasonOf(status)) return;
    this.#options.onChange();
  }

  #loseBook(stream: VenueFeed): void {
    if (stream.type === 'orderbook') stream.channel.reset();
  }

  #logStatus(symbol: string, { state, reason, gap }: SymbolStatus): void {
    if (gap === null) this.#log.note(symbol, state, reason);
  }

  get #isAway(): boolean {
    return this.#status.kind !== 'connected' && this.#status.kind !== 'degraded';
  }

  #forgetStatus(symbol: string): void {
    if (this.#monitor.has(symbol)) return;
    this.#log.forget(symbol);
    this.#statuses.close(symbol);
  }

  #state(): BrokerState {
    return this.#broker === null ? 'disabled' : stateOf(this.#status);
  }
}

function isServed({ type }: Feed, { traits }: GuardedAdapter): boolean {
  return traits?.supportedTypes.includes(type) ?? true;
}

/** The adapter passes back the feed that it was given. Events of a feed that has ended are ignored. */
function isOpen(feed: Feed): feed is VenueFeed {
  return feed instanceof VenueFeed && feed.isOpen;
}

import type { FeedEventDraft } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { allAskers } from '../../shared/FairQueue.ts';
import { ArrivalPace } from '../../transport/ArrivalPace.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { isSameCondition } from '../BaseBroker.ts';
import type { Feed, FeedCondition } from '../BaseBroker.ts';
import { DeliveryCheck } from '../DeliveryCheck.ts';
import type { DeliveryStep } from '../DeliveryCheck.ts';
import { fetchPatiently } from './fetchPatiently.ts';
import { StreamFaults } from './StreamFaults.ts';
import type { StreamFault } from './StreamFaults.ts';
import type { StreamContext, StreamOptions } from './StreamContext.ts';

/** The connection that carries a stream, as far as the stream can ask something of it. */
export interface StreamCarrier {
  /** Subscribes the stream again. */
  resubscribe(stream: MarketStream): void;
  /** Opens another connection, unless that has been tried too often. */
  renew(reason: string): void;
}

/** Silence means something on a stream that normally delivers at least this often in `staleAfterMs`. */
const BUSY_ARRIVALS = 10;
/** A silence of this many usual gaps is looked into. */
const QUIET_GAPS = 10;
const LONGEST_PATIENCE_MS = 600_000;
/** A stream of which so many messages in a row can't be read delivers nothing. */
const UNREADABLE_IN_A_ROW = 5;
/** Nothing waits that long on its way: messages that seem older are a recording that is played. */
const LATEST_MS = 86_400_000;
/** An event that is dated further ahead makes no sense. */
const MAX_AHEAD_MS = 86_400_000;
/** A wall clock that is set moves by more than this between two samples; one that is corrected slowly does not. */
const WALL_JUMP_MS = 250;
/** The venue's time is known with this accuracy. */
const CLOCK_MARGIN_MS = 1_000;

/**
 * One stream of the venue: its place in the venue's numbering, its condition, and the feeds that are made from it. It
 * outlives connections: a BinanceSocket passes frames to it, and notifies it when it is subscribed or lost. Owned by
 * BinanceBroker.
 */
export abstract class MarketStream implements Disposable {
  readonly name: string;
  readonly symbol: string;
  protected readonly context: StreamContext;
  readonly #pace = new ArrivalPace();
  #feeds: readonly Feed[] = [];
  #condition: FeedCondition | null = null;
  #reported: FeedCondition | null = null;
  readonly #faults = new StreamFaults();
  /** There is at least one fault; kept apart, for it is looked at with each message. */
  #isFaulty = false;
  /** Messages in a row that could not be read. */
  #unreadable = 0;
  /** By our clocks, how old the newest message with a time was on receipt; null if none has come since the last sample. */
  #ageMs: number | null = null;
  /** How far our wall clock was ahead of the monotonic one at the last sample. */
  #wallAheadMs = Number.NaN;
  #subscribed = false;
  #arrivals = 0;
  #arrivedSinceSubscribed = false;
  /** Its messages say when they were sent, and one has come since the last sample but one. */
  #isTimed = false;
  /** That something could not be read was logged. */
  #isLogged = false;
  readonly #delivery: DeliveryCheck;
  #carrier: StreamCarrier | null = null;
  /** When it was subscribed, on the monotonic clock. */
  #subscribedAtMs = 0;

  constructor({ name, symbol, context }: StreamOptions) {
    this.name = name;
    this.symbol = symbol;
    this.context = context;
    this.#delivery = new DeliveryCheck({
      clock: context.broker.clock,
      look: (signal) => this.isBehind({ ...this.askOptions(signal), patience: 'fail' }),
      isSilent: () => this.#arrivals === 0,
      onQuiet: () => {
        if (!this.ticks) this.#setFault('silence', null);
      },
      onUndelivered: (step) => {
        this.#onUndelivered(step);
      },
    });
  }

  get feeds(): readonly Feed[] {
    return this.#feeds;
  }

  /** Data normally comes so often that a few seconds of silence mean something. */
  get isBusy(): boolean {
    return this.#pace.meanGapMs * BUSY_ARRIVALS < this.context.broker.staleAfterMs && !this.#faults.has('silence');
  }

  /** Must be called once, before anything is passed to the stream. */
  attach(carrier: StreamCarrier): void {
    this.#carrier = carrier;
  }

  /** Replaces the set of feeds; new ones are notified of the stream's condition. */
  setFeeds(feeds: ReadonlySet<Feed>): void {
    const before = this.#feeds;
    this.#feeds = [...feeds];
    if (this.#reported === null) return;
    for (const feed of feeds) {
      if (!before.includes(feed)) this.context.broker.sink.onFeed(feed, this.#reported);
    }
  }

  /** Takes a frame of the stream. Returns false if it is malformed and was dropped. */
  receive(data: unknown, receivedAtMs: number): boolean {
    if (!this.handle(data, receivedAtMs)) {
      this.#noteUnreadable();
      return false;
    }
    this.#arrivals += 1;
    if (this.#isFaulty) this.#noteReadable();
    this.#unreadable = 0;
    return true;
  }

  /** The venue has acknowledged the subscription. */
  subscribed(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.#subscribedAtMs = this.context.broker.clock.monotonic();
    this.#arrivedSinceSubscribed = false;
    this.#pace.forgive();
    this.#delivery.begun();
    this.begin();
  }

  /** Its connection has ended, or there is none yet. */
  lost(reason: string): void {
    this.#subscribed = false;
    this.#delivery.begun();
    this.#faults.clear();
    this.#isFaulty = false;
    this.#unreadable = 0;
    this.interrupt();
    this.setCondition({ kind: 'recovering', reason });
  }

  /** The venue does not have it. */
  refused(): void {
    this.interrupt();
    this.setCondition({ kind: 'closed', reason: `The venue refused ${this.symbol}.` });
  }

  /** Sets why nothing comes over the whole connection; null once something does. */
  setTransportSilence(reason: string | null): void {
    if (reason === null && this.#faults.has('transport')) {
      // Its own silence is measured anew from here.
      this.#faults.set('silence', null);
      this.#pace.forgive();
      this.#delivery.begun();
    }
    this.#setFault('transport', reason);
  }

  /** Sets why everything that comes over the whole connection is late; null if it is not. */
  setTransportLateness(reason: string | null): void {
    if (!this.#isTimed) this.#setFault('late', reason);
  }

  /** How late its messages of the last sample were; null if they were in time, undefined if none said its time. */
  get lateness(): string | null | undefined {
    return this.#isTimed ? this.#faults.get('late') : undefined;
  }

  /** Measures the silence; to be called now and then with the time since the last call. */
  sample(elapsedMs: number): void {
    this.#pace.sample(this.#arrivals, elapsedMs);
    if (this.#arrivals > 0) {
      this.#arrivedSinceSubscribed = true;
      this.#delivery.delivered();
    }
    this.#arrivals = 0;
    this.#noteAge();
    if (!this.#subscribed) return;
    // Whatever a whole connection does not deliver says nothing about one of its streams.
    if (this.#faults.has('transport')) return;
    this.#delivery.silent(this.#pace.silentMs, this.#patienceMs);
    this.#noteSilence();
  }

  /** Silence of a stream that ticks is reported before the venue has been asked about it. */
  #noteSilence(): void {
    const { staleAfterMs } = this.context.broker;
    if (!this.ticks || this.#faults.has('silence') || this.#pace.silentMs < staleAfterMs) return;
    if (this.#arrivedSinceSubscribed && !this.isBusy) return;
    this.#setFault('silence', `Nothing has come of ${this.symbol} for ${Math.round(this.#pace.silentMs / 1000)} s.`);
  }

  /** Messages may have waited on their way: then they are no longer the present state. */
  #noteAge(): void {
    const ageMs = this.#ageMs;
    this.#isTimed = ageMs !== null;
    this.#ageMs = null;
    const { clock } = this.context.broker;
    const wallAheadMs = clock.now() - clock.monotonic();
    const hasJumped = Math.abs(wallAheadMs - this.#wallAheadMs) > WALL_JUMP_MS;
    this.#wallAheadMs = wallAheadMs;
    // The age was taken by the wall clock as it was before.
    if (ageMs === null || hasJumped) return;
    const { broker, venueClock } = this.context;
    const { offsetMs } = venueClock;
    if (offsetMs === null) return;
    const lateMs = ageMs + offsetMs;
    if (lateMs < broker.staleAfterMs || lateMs > LATEST_MS) this.#setFault('late', null);
    else if (!this.#faults.has('late')) {
      this.#setFault('late', `What comes of ${this.symbol} is ${Math.round(lateMs / 1000)} s late.`);
    }
  }

  /** The stream is set aside, and counted by its owner; neither its neighbours nor the connection suffer. */
  #noteUnreadable(): void {
    this.#unreadable += 1;
    const { logger } = this.context.broker;
    if (!this.#isLogged) logger.warn({ stream: this.name }, 'a message of this stream can not be read');
    this.#isLogged = true;
    if (this.#unreadable < UNREADABLE_IN_A_ROW) return;
    this.#setFault('unreadable', `What the venue sends of ${this.symbol} can't be read.`);
  }

  #noteReadable(): void {
    this.#setFault('silence', null);
    this.#setFault('unreadable', null);
  }

  #setFault(kind: StreamFault, reason: string | null): void {
    if (!this.#faults.set(kind, reason)) return;
    this.#isFaulty = this.#faults.worst !== null;
    this.#report();
  }

  /** The silence from which the venue is asked whether there is anything to hear. */
  get #patienceMs(): number {
    const { staleAfterMs } = this.context.broker;
    const { meanGapMs } = this.#pace;
    const usualMs = meanGapMs === Number.POSITIVE_INFINITY ? this.untriedPatienceMs : QUIET_GAPS * meanGapMs;
    return Math.max(staleAfterMs, Math.min(usualMs, LONGEST_PATIENCE_MS));
  }

  #onUndelivered(step: DeliveryStep): void {
    const { broker } = this.context;
    broker.logger.warn({ stream: this.name, step }, 'stream does not deliver what the venue has');
    const remedy = step === 'resubscribe' ? 'it is being subscribed again' : 'another connection is being tried';
    this.#setFault(
      'silence',
      `The venue has more of ${this.symbol} (${this.#what}) than its stream delivers; ${remedy}.`,
    );
    if (step === 'reconnect') {
      this.#carrier?.renew(`The stream ${this.name} does not deliver.`);
      return;
    }
    this.#subscribed = false;
    this.interrupt();
    this.#carrier?.resubscribe(this);
  }

  get #what(): string {
    return [...new Set(this.#feeds.map(({ type }) => type))].join(', ');
  }

  /** Begins the stream again from the venue's own state, because its published data can't be right. */
  abstract resync(): void;

  /** See BaseBroker. */
  continueBehind(_feed: Feed, _place: number): void {
    // Ticks and books have no history.
  }

  /** Ends every timer and request. */
  [Symbol.dispose](): void {
    this.#delivery[Symbol.dispose]();
  }

  protected get isSubscribed(): boolean {
    return this.#subscribed;
  }

  /** Data is expected at any time, so silence means something. */
  protected abstract readonly ticks: boolean;

  /** The silence after which the venue is asked about a stream whose usual gaps are not known yet. */
  protected get untriedPatienceMs(): number {
    return this.context.broker.staleAfterMs;
  }

  /** Asks the venue by request whether it has anything that the stream did not deliver. */
  protected abstract isBehind(options: AskOptions): Promise<boolean>;

  /** The venue's time from which the stream was certainly subscribed. */
  protected async subscribedVenueMs(options: AskOptions): Promise<number> {
    const venueMs = await this.context.history.fetchTime(options);
    return venueMs - (this.context.broker.clock.monotonic() - this.#subscribedAtMs) + CLOCK_MARGIN_MS;
  }

  protected abstract handle(data: unknown, receivedAtMs: number): boolean;

  /** It is subscribed, for the first time or again after an interruption. */
  protected abstract begin(): void;

  /** From here on something may be missed. */
  protected abstract interrupt(): void;

  /** Options of a request for what the feeds need: patient, and on behalf of every client that wants one of them. */
  protected askOptions(signal: AbortSignal): AskOptions {
    return {
      patience: 'wait',
      askers: () => allAskers(this.#feeds.map(({ askers }) => askers)),
      signal,
      onParked: ({ reason, forMs }) => {
        // Up to the whole second in which it ends: sooner would be a promise that is not kept.
        const until = fromEpochMs(Math.ceil((this.context.broker.clock.now() + forMs) / 1_000) * 1_000);
        this.setCondition({ kind: 'recovering', reason: `${reason}; it is asked for ${this.symbol} at ${until}.` });
      },
    };
  }

  /** No clock is wrong by so much: the time of this message makes no sense, and would make all that follow look old. */
  protected isAhead(venueMs: number, receivedAtMs: number): boolean {
    return venueMs >= receivedAtMs + MAX_AHEAD_MS;
  }

  /** Notes the venue's time of a message. */
  protected noteSent(venueMs: number, receivedAtMs: number): void {
    this.#ageMs = receivedAtMs - venueMs;
    // Clocks differ: an event that seems to come from the future has no delay.
    this.context.latency.observe(Math.max(0, this.#ageMs) / 1000);
  }

  protected setCondition(condition: FeedCondition): void {
    this.#condition = condition;
    this.#report();
  }

  protected publish(event: FeedEventDraft): void {
    const { sink } = this.context.broker;
    for (const feed of this.#feeds) sink.onEvent(feed, event);
  }

  /** `to`: the time of the first event after the gap; null if it has not come yet. */
  protected reportGap(reason: string, to: Timestamp | null = null): void {
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, { kind: 'gap', reason, to });
  }

  /** The result of `fetch`; null if the venue did not answer in time or `signal` was aborted. */
  protected fetchPatiently<T>(fetch: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T | null> {
    return fetchPatiently(fetch, { broker: this.context.broker, stream: this.name, signal });
  }

  #report(): void {
    const current = this.#condition;
    if (current === null) return;
    const { worst } = this.#faults;
    const condition: FeedCondition =
      current.kind === 'live' && worst !== null ? { kind: 'stale', reason: worst } : current;
    if (this.#reported !== null && isSameCondition(condition, this.#reported)) return;
    this.#reported = condition;
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, condition);
  }
}

const STUCK_AFTER_MS = 10_000;

/** The times of one event that two connections deliver differ by less than this. */
const MARGIN_MS = 1_000;

/**
 * Notices that the venue's numbering began anew (a relisting, a reset): what comes looks old by its number, and yet it is
 * newer by the venue's time, or nothing else has come for long.
 */
export class StuckWatch {
  #ignoredSince: number | null = null;
  #newestMs = Number.POSITIVE_INFINITY;
  #marginMs = MARGIN_MS;

  /**
   * Something was taken. `venueMs`: the venue's time of it; without one, as of what was fetched, what follows can't be
   * judged by its time.
   */
  accepted(venueMs = Number.POSITIVE_INFINITY): void {
    this.#ignoredSince = null;
    this.#newestMs = venueMs;
    this.#marginMs = MARGIN_MS;
  }

  /** Another connection follows the one that is lost: nothing that it delivers is newer, and old by its number. */
  interrupted(): void {
    this.#ignoredSince = null;
    this.#marginMs = 0;
  }

  /** Notes that one more was ignored as old, at this monotonic time. Returns true if our place must be wrong. */
  ignored(nowMs: number, venueMs = Number.NEGATIVE_INFINITY): boolean {
    this.#ignoredSince ??= nowMs;
    return venueMs > this.#newestMs + this.#marginMs || nowMs - this.#ignoredSince > STUCK_AFTER_MS;
  }
}

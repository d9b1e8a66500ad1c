import type { FeedEventDraft } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { allAskers } from '../../shared/FairQueue.ts';
import { ArrivalPace } from '../../transport/ArrivalPace.ts';
import { deadline } from '../../transport/deadline.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { isSameCondition } from '../BaseBroker.ts';
import type { BrokerContext, Feed, FeedCondition } from '../BaseBroker.ts';
import type { BinanceRest } from './BinanceRest.ts';
import { HearingCheck } from './HearingCheck.ts';
import type { HearingStep } from './HearingCheck.ts';

/** The requests that streams make: the present state, what was missed, and whether there is anything to miss. */
export type VenueHistory = Pick<
  BinanceRest,
  'fetchDepth' | 'fetchCandles' | 'fetchTradesSince' | 'fetchTick' | 'fetchBookId' | 'fetchLastTradeMs' | 'fetchTime'
>;

/** The connection that carries a stream, as far as the stream can ask something of it. */
export interface StreamCarrier {
  /** Subscribes the stream again. */
  resubscribe(stream: MarketStream): void;
  /** Opens another connection, unless that has been tried too often. */
  renew(reason: string): void;
}

/** What all streams of a broker share. */
export interface StreamContext {
  readonly broker: BrokerContext;
  readonly history: VenueHistory;
  /** Levels a side that a book begins with. */
  readonly bookLevels: number;
  /** Formats a time of receipt; many frames share a millisecond. */
  readonly stamp: (epochMs: number) => Timestamp;
  /** Reports to the metrics how old an event was on receipt. */
  readonly noteLatency: (venueMs: number, receivedMs: number) => void;
}

/** Makes what all streams of one broker share. */
export function createStreamContext(
  broker: BrokerContext,
  rest: Pick<StreamContext, 'history' | 'bookLevels'>,
): StreamContext {
  const latency = broker.metrics.venueLatency.labels({ broker: broker.id });
  return {
    broker,
    ...rest,
    stamp: memoizedStamp(),
    // Clocks differ: an event that seems to come from the future has no delay.
    noteLatency: (venueMs, receivedMs) => {
      latency.observe(Math.max(0, receivedMs - venueMs) / 1000);
    },
  };
}

/** Formats times; remembers the last one, for many events come in one millisecond. */
export function memoizedStamp(): (epochMs: number) => Timestamp {
  let lastMs = 0;
  let last = fromEpochMs(0);
  return (epochMs) => {
    if (epochMs !== lastMs) {
      last = fromEpochMs(epochMs);
      lastMs = epochMs;
    }
    return last;
  };
}

export interface StreamOptions {
  readonly name: string;
  readonly symbol: string;
  readonly context: StreamContext;
}

const HISTORY_ATTEMPTS = 3;
const HISTORY_BACKOFF = { baseMs: 500, maxMs: 5_000 };
/** What was missed is reported as a gap if it can't be fetched in this time. */
const HISTORY_PATIENCE_MS = 30_000;
/** Silence means something on a stream that normally delivers at least this often in `staleAfterMs`. */
const BUSY_ARRIVALS = 10;
/** A silence of this many usual gaps is looked into. */
const QUIET_GAPS = 10;
const LONGEST_PATIENCE_MS = 600_000;
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
  #transportSilence: string | null = null;
  #ownSilence: string | null = null;
  #subscribed = false;
  #arrivals = 0;
  #arrivedSinceSubscribed = false;
  readonly #hearing: HearingCheck;
  #carrier: StreamCarrier | null = null;
  /** When it was subscribed, on the monotonic clock. */
  #subscribedAtMs = 0;

  constructor({ name, symbol, context }: StreamOptions) {
    this.name = name;
    this.symbol = symbol;
    this.context = context;
    this.#hearing = new HearingCheck({
      clock: context.broker.clock,
      look: (signal) => this.isBehind({ ...this.askOptions(signal), patience: 'fail' }),
      isSilent: () => this.#arrivals === 0,
      onQuiet: () => {
        if (!this.ticks) this.#endSilence();
      },
      onDeaf: (step) => {
        this.#onDeaf(step);
      },
    });
  }

  get feeds(): readonly Feed[] {
    return this.#feeds;
  }

  /** Data normally comes so often that a few seconds of silence mean something. */
  get isBusy(): boolean {
    return this.#pace.meanGapMs * BUSY_ARRIVALS < this.context.broker.staleAfterMs && this.#ownSilence === null;
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
    if (this.#ownSilence !== null) this.#endSilence();
    this.#arrivals += 1;
    return this.handle(data, receivedAtMs);
  }

  /** The venue has acknowledged the subscription. */
  subscribed(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.#subscribedAtMs = this.context.broker.clock.monotonic();
    this.#arrivedSinceSubscribed = false;
    this.#pace.forgive();
    this.#hearing.begun();
    this.begin();
  }

  /** Its connection has ended, or there is none yet. */
  lost(reason: string): void {
    this.#subscribed = false;
    this.#hearing.begun();
    this.#ownSilence = null;
    this.#transportSilence = null;
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
    if (this.#transportSilence === reason) return;
    this.#transportSilence = reason;
    this.#report();
  }

  /** Measures the silence; to be called now and then with the time since the last call. */
  sample(elapsedMs: number): void {
    this.#pace.sample(this.#arrivals, elapsedMs);
    if (this.#arrivals > 0) {
      this.#arrivedSinceSubscribed = true;
      this.#hearing.heard();
    }
    this.#arrivals = 0;
    if (!this.#subscribed) return;
    // Whatever a whole connection does not deliver says nothing about one of its streams.
    if (this.#transportSilence === null) this.#hearing.silent(this.#pace.silentMs, this.#patienceMs);
    this.#noteSilence();
  }

  /** Silence of a stream that ticks is reported before the venue has been asked about it. */
  #noteSilence(): void {
    const { staleAfterMs } = this.context.broker;
    if (!this.ticks || this.#ownSilence !== null || this.#pace.silentMs < staleAfterMs) return;
    if (this.#arrivedSinceSubscribed && !this.isBusy) return;
    this.#ownSilence = `Nothing has come of ${this.symbol} for ${Math.round(this.#pace.silentMs / 1000)} s.`;
    this.#report();
  }

  /** The silence from which the venue is asked whether there is anything to hear. */
  get #patienceMs(): number {
    const { staleAfterMs } = this.context.broker;
    const { meanGapMs } = this.#pace;
    const usualMs = meanGapMs === Number.POSITIVE_INFINITY ? this.untriedPatienceMs : QUIET_GAPS * meanGapMs;
    return Math.max(staleAfterMs, Math.min(usualMs, LONGEST_PATIENCE_MS));
  }

  #endSilence(): void {
    this.#ownSilence = null;
    this.#report();
  }

  #onDeaf(step: HearingStep): void {
    const { broker } = this.context;
    broker.logger.warn({ stream: this.name, step }, 'stream does not deliver what the venue has');
    const remedy = step === 'resubscribe' ? 'it is being subscribed again' : 'another connection is being tried';
    this.#ownSilence = `The venue has more of ${this.symbol} (${this.#what}) than its stream delivers; ${remedy}.`;
    this.#report();
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

  /** What was published can't be right: the stream begins again from the venue's own state. */
  abstract resync(): void;

  /** Ends every timer and request. */
  [Symbol.dispose](): void {
    this.#hearing[Symbol.dispose]();
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

  protected setCondition(condition: FeedCondition): void {
    this.#condition = condition;
    this.#report();
  }

  protected publish(event: FeedEventDraft): void {
    const { sink } = this.context.broker;
    for (const feed of this.#feeds) sink.onEvent(feed, event);
  }

  protected reportGap(reason: string): void {
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, { kind: 'gap', reason });
  }

  /** The result of `fetch`; null if the venue did not answer in time or `signal` was aborted. */
  protected async fetchPatiently<T>(
    fetch: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | null> {
    const { clock, logger } = this.context.broker;
    using time = deadline(clock, HISTORY_PATIENCE_MS, signal);
    try {
      return await this.#tryHistory(fetch, time.signal);
    } catch (error) {
      if (!signal.aborted) logger.debug({ err: error, stream: this.name }, 'history unavailable');
      return null;
    }
  }

  /** Tries several times. Rejects as the last attempt did, or when the signal is aborted. */
  async #tryHistory<T>(fetch: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.context.broker;
    const backoff = new Backoff({ ...HISTORY_BACKOFF, random });
    for (;;) {
      signal.throwIfAborted();
      try {
        return await fetch(signal);
      } catch (error) {
        const { retryable, details } = GatewayError.from(error);
        if (signal.aborted || !retryable || backoff.attempt + 1 >= HISTORY_ATTEMPTS) throw error;
        await sleep(clock, backoff.next(details.retryAfterMs), signal);
      }
    }
  }

  #report(): void {
    const current = this.#condition;
    if (current === null) return;
    const silence = this.#transportSilence ?? this.#ownSilence;
    const condition: FeedCondition =
      current.kind === 'live' && silence !== null ? { kind: 'stale', reason: silence } : current;
    if (this.#reported !== null && isSameCondition(condition, this.#reported)) return;
    this.#reported = condition;
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, condition);
  }
}

const STUCK_AFTER_MS = 10_000;

/**
 * Notices that the venue's numbering began anew (a relisting, a reset): everything that comes looks old, and yet it
 * keeps coming. Times are monotonic milliseconds.
 */
export class StuckWatch {
  #ignoredSince: number | null = null;

  accepted(): void {
    this.#ignoredSince = null;
  }

  /**
   * Notes that one more was ignored as old. Returns true if nothing else has come for so long that our place must be
   * wrong.
   */
  ignored(nowMs: number): boolean {
    this.#ignoredSince ??= nowMs;
    return nowMs - this.#ignoredSince > STUCK_AFTER_MS;
  }
}

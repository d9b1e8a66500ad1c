import type { FeedEventDraft } from '../../market/marketData.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { allAskers } from '../../shared/FairQueue.ts';
import { ArrivalPace } from '../../transport/ArrivalPace.ts';
import { deadline } from '../../transport/deadline.ts';
import type { Asking } from '../../transport/RequestQueue.ts';
import { isSameCondition } from '../BaseBroker.ts';
import type { BrokerContext, Feed, FeedCondition } from '../BaseBroker.ts';
import type { BinanceRest } from './BinanceRest.ts';

/** What streams ask of the venue beside their own frames: how it stands, and what was missed. */
export type VenueHistory = Pick<BinanceRest, 'fetchDepth' | 'fetchCandles' | 'fetchTradesSince'>;

export interface StreamContext {
  readonly broker: BrokerContext;
  readonly history: VenueHistory;
  /** Levels a side that a book begins with. */
  readonly bookLevels: number;
  /** The text of a time of receipt: many frames share a millisecond. */
  readonly stamp: (epochMs: number) => Timestamp;
  /** Tells the metrics how old something was on its receipt. */
  readonly noteLatency: (venueMs: number, receivedMs: number) => void;
}

export interface StreamOptions {
  readonly name: string;
  readonly symbol: string;
  readonly context: StreamContext;
}

const HISTORY_ATTEMPTS = 3;
const HISTORY_BACKOFF = { baseMs: 500, maxMs: 5_000 };
/** Longer than this nobody waits for what was missed: it is told as a gap. */
const HISTORY_PATIENCE_MS = 30_000;
/** A stream that normally comes so many times in `staleAfterMs` is missed when it does not. */
const BUSY_ARRIVALS = 10;

/**
 * One stream of the venue: its place in the venue's numbering, how it stands, and the feeds that are made from it. It
 * outlives connections: whoever has one tells it what comes, and whether it is subscribed. Owned by BinanceBroker.
 */
export abstract class MarketStream implements Disposable {
  readonly name: string;
  readonly symbol: string;
  protected readonly context: StreamContext;
  readonly #pace = new ArrivalPace();
  #feeds: readonly Feed[] = [];
  #standing: FeedCondition | null = null;
  #told: FeedCondition | null = null;
  #transportSilence: string | null = null;
  #ownSilence: string | null = null;
  #subscribed = false;
  #arrivals = 0;
  #arrivedSinceSubscribed = false;

  constructor({ name, symbol, context }: StreamOptions) {
    this.name = name;
    this.symbol = symbol;
    this.context = context;
  }

  get feeds(): readonly Feed[] {
    return this.#feeds;
  }

  /** It normally comes so often that a few seconds without it say something. */
  get isBusy(): boolean {
    return this.#pace.meanGapMs * BUSY_ARRIVALS < this.context.broker.staleAfterMs && this.#ownSilence === null;
  }

  /** The set is replaced whole; who is new is told how the stream stands. */
  setFeeds(feeds: ReadonlySet<Feed>): void {
    const before = this.#feeds;
    this.#feeds = [...feeds];
    if (this.#told === null) return;
    for (const feed of feeds) {
      if (!before.includes(feed)) this.context.broker.sink.onFeed(feed, this.#told);
    }
  }

  /** A frame of the stream came. False: it is malformed, and was dropped. */
  receive(data: unknown, receivedAtMs: number): boolean {
    if (this.#ownSilence !== null) {
      this.#ownSilence = null;
      this.#tell();
    }
    this.#arrivals += 1;
    return this.handle(data, receivedAtMs);
  }

  /** The venue has acknowledged the subscription. */
  subscribed(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.#arrivedSinceSubscribed = false;
    this.#pace.forgive();
    this.begin();
  }

  /** The connection it came over is gone, or there is none yet. */
  lost(reason: string): void {
    this.#subscribed = false;
    this.#ownSilence = null;
    this.#transportSilence = null;
    this.interrupt();
    this.stand({ kind: 'recovering', reason });
  }

  /** The venue does not have it. */
  refused(): void {
    this.interrupt();
    this.stand({ kind: 'closed', reason: `The venue refused ${this.symbol}.` });
  }

  /** Nothing comes over the whole connection; null: it does again. */
  setTransportSilence(reason: string | null): void {
    if (this.#transportSilence === reason) return;
    this.#transportSilence = reason;
    this.#tell();
  }

  /** To be called now and then, with the time since the last call: it measures the silence. */
  sample(elapsedMs: number): void {
    this.#pace.sample(this.#arrivals, elapsedMs);
    if (this.#arrivals > 0) this.#arrivedSinceSubscribed = true;
    this.#arrivals = 0;
    const { staleAfterMs } = this.context.broker;
    if (!this.#subscribed || !this.ticks || this.#ownSilence !== null || this.#pace.silentMs < staleAfterMs) return;
    if (this.#arrivedSinceSubscribed && !this.isBusy) return;
    this.#ownSilence = `Nothing has come of ${this.symbol} for ${Math.round(this.#pace.silentMs / 1000)} s.`;
    this.#tell();
  }

  /** What was published can't be right: begin again from the venue's own state. */
  abstract resync(): void;

  /** Ends every timer and request. */
  abstract [Symbol.dispose](): void;

  protected get isSubscribed(): boolean {
    return this.#subscribed;
  }

  /** Data is to be expected at any time: a silence means something. */
  protected abstract readonly ticks: boolean;

  protected abstract handle(data: unknown, receivedAtMs: number): boolean;

  /** It is subscribed, for the first time or again after an interruption. */
  protected abstract begin(): void;

  /** From here on something may be missed. */
  protected abstract interrupt(): void;

  /** How the venue is asked for what the feeds need: patiently, for all who want one of them. */
  protected asking(signal: AbortSignal): Asking {
    return { patience: 'wait', askers: () => allAskers(this.#feeds.map(({ askers }) => askers)), signal };
  }

  protected stand(condition: FeedCondition): void {
    this.#standing = condition;
    this.#tell();
  }

  protected publish(event: FeedEventDraft): void {
    const { sink } = this.context.broker;
    for (const feed of this.#feeds) sink.onEvent(feed, event);
  }

  protected tellGap(reason: string): void {
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, { kind: 'gap', reason });
  }

  /** What `fetch` gives; null when the venue did not give it in time, or `signal` was aborted. */
  protected async fetchPatiently<T>(
    fetch: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | null> {
    const { clock, logger } = this.context.broker;
    using time = deadline(clock, HISTORY_PATIENCE_MS, signal);
    try {
      return await this.#tryHistory(fetch, time.signal);
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, stream: this.name }, 'history unavailable');
      return null;
    }
  }

  /** Rejects as the last attempt did, or because the signal was aborted. */
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

  #tell(): void {
    const standing = this.#standing;
    if (standing === null) return;
    const silence = this.#transportSilence ?? this.#ownSilence;
    const condition: FeedCondition =
      standing.kind === 'live' && silence !== null ? { kind: 'stale', reason: silence } : standing;
    if (this.#told !== null && isSameCondition(condition, this.#told)) return;
    this.#told = condition;
    for (const feed of this.#feeds) this.context.broker.sink.onFeed(feed, condition);
  }
}

const STUCK_AFTER_MS = 10_000;

/**
 * Notices numbers that began anew at the venue (a relisting, a reset): everything is old, and yet it keeps coming.
 * Times are monotonic milliseconds.
 */
export class StuckWatch {
  #ignoredSince: number | null = null;

  accepted(): void {
    this.#ignoredSince = null;
  }

  /** One more was ignored as old. True: nothing else has come for so long that our place must be wrong. */
  ignored(nowMs: number): boolean {
    this.#ignoredSince ??= nowMs;
    return nowMs - this.#ignoredSince > STUCK_AFTER_MS;
  }
}

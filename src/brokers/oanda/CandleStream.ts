import { CandleBuilder } from '../../market/CandleBuilder.ts';
import type { CandlePrice } from '../../market/CandleBuilder.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import type { Askers } from '../../shared/FairQueue.ts';
import { deadline } from '../../shared/deadline.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import type { CandleConfirmer, Verdict } from './CandleConfirmer.ts';
import { MAX_RECENT_CANDLES } from './OandaRest.ts';
import type { OandaRest } from './OandaRest.ts';
import { toCandle } from './restReplies.ts';
import type { VenueCandle } from './restReplies.ts';
import type { OandaInterval } from './restRequests.ts';

export interface CandleStreamOptions {
  readonly symbol: string;
  readonly interval: OandaInterval;
  readonly broker: BrokerContext;
  readonly history: Pick<OandaRest, 'fetchRecentCandles'>;
  readonly confirmer: Pick<CandleConfirmer, 'ask'>;
  readonly listener: CandleListener;
  /** The clients that want the candles. Left out: nobody in particular. */
  readonly askers?: Askers;
}

/** A candle that has ended, and waits for the venue's version of it. */
interface Ended {
  readonly openMs: number;
  /** The candle as it was built here, for a venue that has none; null if it is not complete. */
  readonly own: CandleDraft | null;
  verdict: Verdict | null;
}

/** Missed candles that can't be fetched within this time are reported as a gap. */
const HISTORY_PATIENCE_MS = 10_000;
/** Pauses between attempts to fetch ended candles that the venue could not be asked for. */
const REPAIR = { baseMs: 1_000, maxMs: 30_000 };
/** Pause between attempts to fetch the beginning of a candle. */
const ASKED_AGAIN_AFTER_MS = 30_000;
/** Prices that wait for history: far more than come in that time. */
const MAX_HELD = 500;
/** Ended candles that wait for the venue's version. If there are more, its history is asked for all of them at once. */
const MAX_ENDED = 20;

/**
 * Candles of one interval of one instrument. The candle in progress begins with the venue's version and grows with the
 * streamed mid prices. When it has ended, it is published closed, once, in the venue's version, which is more exact, for
 * the venue does not stream every price; it is waited for as long as it takes. The next candle is not published before.
 * After an interruption the closed candles that were missed come first.
 */
export class CandleStream implements CandleMaker {
  readonly #options: CandleStreamOptions;
  readonly #lengthMs: number;
  #builder: CandleBuilder;
  /** The open time of the candle in progress, or of the one that the next price would begin; null if unknown. */
  #openMs: number | null = null;
  /** The candle in progress is known from its beginning. */
  #isWhole = false;
  /** The open time of the last closed candle, published or not. */
  #closedMs = Number.NEGATIVE_INFINITY;
  /** The open time of the first published candle. History is needed from there until one was closed. */
  #firstMs: number | null = null;
  #ended: Ended[] = [];
  #history: AbortController | null = null;
  /** Cancels the attempts to fetch the beginning of the candle in progress. */
  #completion: AbortController | null = null;
  #held: CandlePrice[] = [];
  #live = false;

  constructor(options: CandleStreamOptions) {
    this.#options = options;
    this.#lengthMs = CANDLE_INTERVALS[options.interval];
    this.#builder = new CandleBuilder(options.interval);
  }

  get isLive(): boolean {
    return this.#live;
  }

  begin(): void {
    this.interrupt();
    void this.#load(this.#firstMs === null ? null : Math.max(this.#closedMs, this.#firstMs));
  }

  continueBehind(openMs: number): void {
    if (this.#firstMs !== null) return;
    this.#firstMs = openMs;
    this.#closedMs = Math.max(openMs, this.#closedMs);
    // The request that runs is made anew, so that it reaches back to that candle.
    if (this.#history !== null) this.begin();
  }

  interrupt(): void {
    this.#history?.abort();
    this.#history = null;
    this.#completion?.abort();
    this.#completion = null;
    this.#live = false;
    // History will have both what was missed and what waited for it.
    this.#held = [];
    this.#ended = [];
    this.#openMs = null;
  }

  add(price: CandlePrice): void {
    if (this.#history !== null) {
      this.#held.push(price);
      if (this.#held.length > MAX_HELD) this.#held.shift();
      return;
    }
    if (!this.#live) return;
    const openMs = this.#bucketOf(price.timeMs);
    if (openMs <= this.#closedMs || openMs < (this.#openMs ?? openMs)) return;
    this.#roll(openMs);
    if (!this.#live) return this.add(price);
    const outcome = this.#builder.addPrice(price, this.#stamp());
    if (outcome.kind === 'grown') for (const draft of outcome.drafts) this.#grown(draft);
  }

  advance(venueMs: number, isOpen: boolean): void {
    if (!this.#live) return;
    const openMs = this.#bucketOf(venueMs - CANDLE_GRACE_MS);
    if (this.#openMs === null) {
      // While the market is closed there is nothing to wait for.
      if (isOpen && openMs > this.#closedMs) this.#openMs = openMs;
    } else if (openMs > this.#openMs) {
      this.#roll(openMs);
      if (!isOpen) this.#openMs = null;
    }
  }

  [Symbol.dispose](): void {
    this.interrupt();
  }

  async #load(resumeMs: number | null): Promise<void> {
    const history = new AbortController();
    this.#history = history;
    const fromMs = resumeMs === null ? null : Math.max(resumeMs, this.#oldestMs());
    const candles = await this.#fetch(fromMs, history.signal);
    if (history.signal.aborted) return;
    if (resumeMs !== null && (candles === null || fromMs !== resumeMs)) this.#reportMissing(resumeMs, candles);
    this.#goOn(candles, resumeMs !== null);
  }

  /**
   * The venue has not said how candles ended, from this one on. What was built here is not what it will say, so its
   * history is asked until it has them. Prices wait meanwhile.
   */
  async #repair(sinceMs: number): Promise<void> {
    const { broker, listener, symbol } = this.#options;
    this.interrupt();
    const { signal } = (this.#history = new AbortController());
    listener.onAwaited(`The venue has not said yet how candles of ${symbol} ended; they come as soon as it does.`);
    const backoff = new Backoff({ ...REPAIR, random: broker.random });
    for (;;) {
      const fromMs = Math.max(sinceMs, this.#oldestMs());
      const candles = await this.#fetch(fromMs, signal);
      if (signal.aborted) return;
      if (candles !== null && candles.slice(0, -1).every(({ complete }) => complete)) {
        if (fromMs !== sinceMs) this.#reportMissing(sinceMs, candles);
        this.#goOn(candles, true);
        return;
      }
      await sleep(broker.clock, backoff.next(), signal);
      if (signal.aborted) return;
    }
  }

  #oldestMs(): number {
    return this.#bucketOf(this.#options.broker.clock.now()) - (MAX_RECENT_CANDLES - 2) * this.#lengthMs;
  }

  /** History has come, or could not be had (null): from here on it is live. */
  #goOn(candles: readonly VenueCandle[] | null, wasInterrupted: boolean): void {
    this.#history = null;
    const held = this.#held;
    this.#held = [];
    this.#isWhole = candles !== null;
    this.#builder = new CandleBuilder(this.#options.interval);
    this.#live = true;
    for (const candle of candles ?? []) this.#adopt(candle, wasInterrupted);
    this.#options.listener.onLive();
    for (const price of held) this.add(price);
    if (!this.#isWhole) void this.#complete();
  }

  /**
   * Fetches the beginning of the candle in progress, again and again: a client should not miss the candle of a day
   * because the venue did not answer once.
   */
  async #complete(): Promise<void> {
    const { signal } = (this.#completion = new AbortController());
    const { clock } = this.#options.broker;
    for (;;) {
      await sleep(clock, ASKED_AGAIN_AFTER_MS, signal);
      // The candle that lacked its beginning may have ended.
      if (signal.aborted || this.#isWhole) return;
      const running = (await this.#fetch(null, signal))?.findLast(({ complete }) => !complete);
      if (signal.aborted || this.#isWhole) return;
      if (running === undefined || running.openMs !== (this.#openMs ?? running.openMs)) continue;
      this.#isWhole = true;
      this.#adopt(running, false);
      return;
    }
  }

  /** Null if the venue did not give them in time. */
  async #fetch(fromMs: number | null, signal: AbortSignal): Promise<readonly VenueCandle[] | null> {
    const { askers, broker, history, symbol, interval } = this.#options;
    using time = deadline(broker.clock, HISTORY_PATIENCE_MS, signal);
    try {
      const options: AskOptions = { patience: 'wait', askers, signal: time.signal };
      return await history.fetchRecentCandles({ symbol, interval }, fromMs, options);
    } catch (error) {
      if (!signal.aborted) broker.logger.debug({ err: error, symbol, interval }, 'history unavailable');
      return null;
    }
  }

  /** Takes a candle of the venue's history. */
  #adopt(candle: VenueCandle, wasInterrupted: boolean): void {
    const { openMs, complete } = candle;
    if (openMs <= this.#closedMs) return;
    if (complete) {
      if (wasInterrupted) this.#publish(this.#draft(candle));
      this.#closedMs = openMs;
      return;
    }
    this.#openMs = openMs;
    const outcome = this.#builder.addCandle(this.#draft(candle));
    if (outcome.kind === 'grown') for (const draft of outcome.drafts) this.#grown(draft);
  }

  /** The venue's time has reached this candle: the one before it has ended. It is not live if too many wait by now. */
  #roll(openMs: number): void {
    const before = this.#openMs;
    this.#openMs = openMs;
    if (before === null || openMs === before) return;
    const own = this.#builder.close(before + this.#lengthMs, this.#stamp());
    const isExpected = own !== null;
    const ended: Ended = { openMs: before, own: this.#isWhole ? own : null, verdict: null };
    this.#isWhole = true;
    this.#ended.push(ended);
    const [first] = this.#ended;
    if (first !== undefined && this.#ended.length > MAX_ENDED) {
      void this.#repair(first.openMs);
      return;
    }
    const { symbol, interval, confirmer } = this.#options;
    confirmer.ask({
      symbol,
      interval,
      openMs: before,
      isExpected,
      isOpen: () => this.#ended.includes(ended),
      answer: (verdict) => {
        ended.verdict = verdict;
        this.#settle();
      },
    });
  }

  #grown(draft: CandleDraft): void {
    if (this.#ended.length === 0 && this.#isWhole) this.#publish(draft);
  }

  /** Publishes ended candles in their order: one with an answer waits for those before it. */
  #settle(): void {
    const waiting = this.#ended.findIndex(({ verdict }) => verdict === null);
    const settled = this.#ended.splice(0, waiting === -1 ? this.#ended.length : waiting);
    for (const { openMs, own, verdict } of settled) {
      if (verdict?.kind === 'unknown') {
        void this.#repair(openMs);
        return;
      }
      if (verdict?.kind === 'candle') this.#publish({ ...this.#draft(verdict.candle), backfilled: false });
      else if (own !== null) this.#publish(own);
      this.#closedMs = openMs;
      this.#firstMs ??= openMs;
    }
    const current = settled.length === 0 ? null : this.#builder.current(this.#stamp());
    if (current !== null) this.#grown(current);
  }

  #publish(candle: CandleDraft): void {
    this.#firstMs ??= toEpochMs(candle.openTime);
    this.#options.listener.onCandle(candle);
  }

  /** `history`: what follows; null if it is not known. */
  #reportMissing(sinceMs: number, history: readonly VenueCandle[] | null): void {
    const { broker, symbol, listener } = this.#options;
    broker.metrics.gaps.inc({ broker: broker.id, type: 'candle' });
    const next = history?.find(({ openMs }) => openMs > this.#closedMs);
    const to = next === undefined ? null : this.#draft(next).time;
    listener.onGap(`Candles of ${symbol} since ${fromEpochMs(sinceMs)} may be missing.`, to);
  }

  #draft(candle: VenueCandle): CandleDraft {
    return toCandle(candle, this.#options.interval, this.#options.broker.clock.now());
  }

  #stamp(): Timestamp {
    return fromEpochMs(this.#options.broker.clock.now());
  }

  #bucketOf(timeMs: number): number {
    return Math.floor(timeMs / this.#lengthMs) * this.#lengthMs;
  }
}

/** A maker of candles reports to its owner through this. */
export interface CandleListener {
  onCandle(candle: CandleDraft): void;
  /** `to`: the time of the first candle after the gap; null if it has not come yet. */
  onGap(reason: string, to: Timestamp | null): void;
  /** Nothing comes until the venue has said how candles ended. */
  onAwaited(reason: string): void;
  /** It is in step with the venue from here on. */
  onLive(): void;
}

/** Makes the candles of one interval of one instrument from what the venue streams. Owned by an InstrumentStream. */
export interface CandleMaker extends Disposable {
  /** Its published candles are in step with the venue. */
  readonly isLive: boolean;
  /** The instrument's stream has begun, for the first time or again after an interruption. */
  begin(): void;
  /** See BaseBroker.continueBehind. */
  continueBehind(openMs: number): void;
  /** From here on something may be missed. */
  interrupt(): void;
  /** A mid price, in the venue's order. */
  add(price: CandlePrice): void;
  /** The venue's clock has come so far; `isOpen`: prices are to be expected. */
  advance(venueMs: number, isOpen: boolean): void;
}

/** Prices come up to a quarter of a second after they were made; the venue's other messages don't. */
export const CANDLE_GRACE_MS = 500;

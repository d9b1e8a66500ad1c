import { CandleBuilder } from '../../market/CandleBuilder.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';

/** The part of a candle that its order depends on. Times are milliseconds since the epoch. */
export interface CandlePlace {
  readonly openAt: number;
  /** When the venue sent it; null for one of its history. */
  readonly sentAt: number | null;
  readonly closed: boolean;
}

/**
 * Accepts one final update of each candle, and none that is older than what was accepted before. A candle is closed by
 * the venue's flag, never by a clock: the venue sends updates of a candle after its end, and the final one later still.
 */
export class CandleSequencer {
  #closedAt = Number.NEGATIVE_INFINITY;
  #openAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  #firstAt: number | null = null;
  #isForgiven = false;
  /** No candle that opens behind this one may be missing. */
  #knownAt: number | null = null;

  /**
   * The open time from which history has to be read so that nothing is missing after a silence: the last candle that
   * was closed, else the first that was seen, else that from `expectBehind`; null before that.
   */
  get resumeAt(): number | null {
    if (this.#closedAt !== Number.NEGATIVE_INFINITY) return this.#closedAt;
    return this.#firstAt ?? this.#knownAt;
  }

  /** Nothing is to be missing between the candle that opens then and the first one. Does nothing once there was one. */
  expectBehind(openAt: number): void {
    this.#knownAt = Math.min(openAt, this.#knownAt ?? openAt);
  }

  /** True if the venue has gone on to this candle without having closed the one before it. */
  leavesHole({ openAt }: CandlePlace, lengthMs: number): boolean {
    if (this.#isForgiven) return false;
    if (this.#openAt === Number.NEGATIVE_INFINITY) return this.#knownAt !== null && openAt > this.#knownAt + lengthMs;
    const isClosed = this.#closedAt >= this.#openAt;
    return openAt > (isClosed ? this.#closedAt + lengthMs : this.#openAt);
  }

  /** True if the candle's final update, or that of a later one, was accepted. */
  isClosed({ openAt }: CandlePlace): boolean {
    return openAt <= this.#closedAt;
  }

  /** The hole before the next candle is accepted, and no longer waited for. */
  forgiveHole(): void {
    this.#isForgiven = true;
  }

  /** Returns true if the candle is to be published. */
  accept({ openAt, sentAt, closed }: CandlePlace): boolean {
    if (openAt <= this.#closedAt || openAt < this.#openAt) return false;
    // History is not published up to the candle that its readers know already.
    const isKnown = this.#firstAt === null && this.#knownAt !== null && openAt <= this.#knownAt;
    if (isKnown && sentAt === null) return false;
    if (!closed && openAt === this.#openAt && sentAt !== null && sentAt <= this.#sentAt) return false;
    if (openAt > this.#openAt) {
      this.#openAt = openAt;
      this.#sentAt = Number.NEGATIVE_INFINITY;
    }
    if (openAt === this.#openAt && sentAt !== null) this.#sentAt = sentAt;
    if (closed) this.#closedAt = openAt;
    this.#firstAt ??= openAt;
    this.#isForgiven = false;
    return true;
  }
}

const LENGTH_MS = CANDLE_INTERVALS['5s'];

/**
 * Makes candles of five seconds, which the venue does not have, from its candles of one. The final update of a second
 * may come after the first update of the next one, so a new candle begins only when the last second of the one before
 * is closed, or when a later second is.
 */
export class SecondsJoiner {
  readonly #builder = new CandleBuilder('5s');
  /** The open time of the candle in progress; null if there is none. */
  #openAt: number | null = null;
  #skipUntil = Number.NEGATIVE_INFINITY;
  /** The newest update of a second that belongs to the next candle. */
  #ahead: CandleDraft | null = null;

  /** Leaves out candles that open before this time: they would lack their beginning. */
  skipUntil(openAt: number): void {
    this.#skipUntil = openAt;
  }

  /** Takes a candle of one second; returns the candles of five seconds that it changes, in their order. */
  add(second: CandleDraft): readonly CandleDraft[] {
    const openAt = bucketOf(second);
    if (openAt < this.#skipUntil) return [];
    if (!second.closed && this.#openAt !== null && openAt > this.#openAt) {
      this.#ahead = second;
      return [];
    }
    const drafts = this.#grow(second);
    const ahead = this.#ahead;
    if (ahead === null || (this.#openAt !== null && bucketOf(ahead) > this.#openAt)) return drafts;
    this.#ahead = null;
    return toEpochMs(ahead.openTime) > toEpochMs(second.openTime) ? [...drafts, ...this.#grow(ahead)] : drafts;
  }

  #grow(second: CandleDraft): readonly CandleDraft[] {
    const outcome = this.#builder.addCandle(second);
    if (outcome.kind === 'late') return [];
    const last = outcome.drafts.at(-1);
    this.#openAt = last === undefined || last.closed ? null : toEpochMs(last.openTime);
    return outcome.drafts;
  }
}

function bucketOf(second: CandleDraft): number {
  return Math.floor(toEpochMs(second.openTime) / LENGTH_MS) * LENGTH_MS;
}

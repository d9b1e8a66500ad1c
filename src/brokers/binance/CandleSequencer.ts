import { CandleBuilder } from '../../market/CandleBuilder.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';

/** What matters of a candle for its place. Times in milliseconds since the epoch. */
export interface CandlePlace {
  readonly openAt: number;
  /** When the venue sent it; null for one of its history. */
  readonly sentAt: number | null;
  readonly closed: boolean;
}

/**
 * Lets each candle be closed once and never reopened, and keeps out what is older than what was let through. The flag
 * closes a candle, never a clock: the venue sends updates of a candle after its end, and the final one later still.
 */
export class CandleSequencer {
  #closedAt = Number.NEGATIVE_INFINITY;
  #openAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  #firstAt: number | null = null;
  #isForgiven = false;

  /**
   * The open time from which history has to be read so that nothing is missing after a silence: the last candle that
   * was closed, else the first that was seen; null before that.
   */
  get resumeAt(): number | null {
    return this.#closedAt === Number.NEGATIVE_INFINITY ? this.#firstAt : this.#closedAt;
  }

  /** True where the venue has gone on to this candle without having closed one before it. */
  leavesHole({ openAt }: CandlePlace, lengthMs: number): boolean {
    if (this.#isForgiven || this.#openAt === Number.NEGATIVE_INFINITY) return false;
    const isClosed = this.#closedAt >= this.#openAt;
    return openAt > (isClosed ? this.#closedAt + lengthMs : this.#openAt);
  }

  /** What is missing before the next candle is known to be so, and is waited for no more. */
  forgiveHole(): void {
    this.#isForgiven = true;
  }

  /** True: pass it on. */
  accept({ openAt, sentAt, closed }: CandlePlace): boolean {
    if (openAt <= this.#closedAt || openAt < this.#openAt) return false;
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
 * Makes candles of five seconds, which the venue does not have, from its candles of one. The final word on a second may
 * come after the first word on the next: a new candle begins only when the last second of the one before is closed, or
 * when a later one is.
 */
export class SecondsJoiner {
  readonly #builder = new CandleBuilder('5s');
  /** Of the candle that grows; null while none does. */
  #openAt: number | null = null;
  #skipUntil = Number.NEGATIVE_INFINITY;
  /** The newest word on a second after the candle that grows. */
  #ahead: CandleDraft | null = null;

  /** Nothing is made of what opens before that: it would lack its beginning. */
  skipUntil(openAt: number): void {
    this.#skipUntil = openAt;
  }

  /** The candles that came of it, in their order. */
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

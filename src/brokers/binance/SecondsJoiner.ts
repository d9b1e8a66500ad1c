import { CandleBuilder } from '../../market/CandleBuilder.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';

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

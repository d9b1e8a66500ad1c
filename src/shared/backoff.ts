import type { Random } from './random.ts';

/** The shortest and the longest ceiling of a delay, and the source of jitter. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly random: Random;
}

/**
 * Exponential backoff with jitter: the n-th delay lies between a tenth and the whole of min(maxMs, baseMs × 2ⁿ), so that many
 * clients do not return at the same moment. Reset it only once data has arrived, not on connecting.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** How many delays were given since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The next delay in milliseconds, at least `atLeastMs` (for example a venue's Retry-After). */
  next(atLeastMs = 0): number {
    const { baseMs, maxMs, random } = this.#options;
    const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return Math.max(atLeastMs, ceiling / 10 + random() * ceiling * 0.9);
  }

  /** Starts over with the shortest delay. */
  reset(): void {
    this.#attempt = 0;
  }
}

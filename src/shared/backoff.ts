import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly random: Random;
}

/**
 * Exponential backoff with full jitter: the n-th delay lies anywhere between 0 and min(maxMs, baseMs × 2ⁿ), so that many
 * waiters do not return at once. A floor of a tenth keeps a lucky draw from hammering. Reset it only when data has flowed.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** How many delays were handed out since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The next delay in milliseconds; never under `atLeastMs` (a venue's Retry-After). */
  next(atLeastMs = 0): number {
    const { baseMs, maxMs, random } = this.#options;
    const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return Math.max(atLeastMs, ceiling / 10 + random() * ceiling * 0.9);
  }

  reset(): void {
    this.#attempt = 0;
  }
}

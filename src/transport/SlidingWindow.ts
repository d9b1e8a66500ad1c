import type { Clock } from '../shared/clock.ts';

export interface SlidingWindowOptions {
  /** How many may happen in any window. */
  readonly limit: number;
  readonly windowMs: number;
  readonly clock: Clock;
}

/**
 * At most `limit` in any span of `windowMs`, wherever the span begins: a log of the last moments, not a token bucket,
 * which allows twice the rate at its start.
 */
export class SlidingWindow {
  readonly #options: SlidingWindowOptions;
  /** The last `limit` moments, a ring; the oldest is at `#next` once it is full. */
  readonly #moments: number[] = [];
  #next = 0;

  constructor(options: SlidingWindowOptions) {
    this.#options = options;
  }

  /** Milliseconds until one more fits; 0: now. */
  get delayMs(): number {
    const { limit, windowMs, clock } = this.#options;
    if (this.#moments.length < limit) return 0;
    const oldest = this.#moments[this.#next] ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, oldest + windowMs - clock.monotonic());
  }

  /** Notes one at this moment; returns false and notes nothing if it does not fit. */
  tryTake(): boolean {
    if (this.delayMs > 0) return false;
    this.#moments[this.#next] = this.#options.clock.monotonic();
    this.#next = (this.#next + 1) % this.#options.limit;
    return true;
  }
}

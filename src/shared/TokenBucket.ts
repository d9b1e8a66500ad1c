import type { Clock } from './clock.ts';

/** Seconds' worth of tokens that may be saved up. */
export const BURST_SECONDS = 2;

/** A rate with room for a burst of twice as much. The rate is given at each use, so that it may change in between. */
export class TokenBucket {
  readonly #clock: Clock;
  #tokens: number | null = null;
  #atMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0 where a token was there and is taken now; else, and nothing is taken, the milliseconds until one will be. */
  take(perSecond: number): number {
    const now = this.#clock.monotonic();
    const full = perSecond * BURST_SECONDS;
    const gained = ((now - this.#atMs) / 1_000) * perSecond;
    this.#tokens = this.#tokens === null ? full : Math.min(full, this.#tokens + gained);
    this.#atMs = now;
    if (this.#tokens < 1) return Math.max(1, Math.ceil(((1 - this.#tokens) / perSecond) * 1_000));
    this.#tokens -= 1;
    return 0;
  }
}

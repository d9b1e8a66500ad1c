import type { Clock } from './clock.ts';

const MINUTE_MS = 60_000;

/** How often something happened within the last minute. Keeps no more moments than there may be. */
export class MinuteCount {
  readonly #clock: Clock;
  /** Monotonic, oldest first. */
  #moments: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts one more. False, and it is not counted, where there are as many as may be; that is given at each use. */
  add(most: number): boolean {
    const now = this.#clock.monotonic();
    this.#moments = this.#moments.filter((at) => now - at < MINUTE_MS);
    if (this.#moments.length >= most) return false;
    this.#moments.push(now);
    return true;
  }
}

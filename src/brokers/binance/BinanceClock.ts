import type { Clock } from '../../shared/clock.ts';

export interface BinanceClockOptions {
  readonly clock: Clock;
  /** Asks the venue for its time. */
  readonly fetchTime: () => Promise<number>;
}

/** Clocks run at different speeds, so that an answer holds for a while only. */
const HOLDS_MS = 600_000;
const RETRY_MS = 30_000;

/** How far the venue's clock is ahead of ours. It is asked for when somebody wants to know, and now and then again. */
export class BinanceClock {
  readonly #options: BinanceClockOptions;
  #known: { readonly venueMs: number; readonly atMs: number } | null = null;
  /** Not before this time is the venue asked again, on the monotonic clock. */
  #askAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: BinanceClockOptions) {
    this.#options = options;
  }

  /** Negative if it is behind; null while it is not known. */
  get offsetMs(): number | null {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (now >= this.#askAtMs) void this.#ask(now);
    // Our wall clock may jump, which changes the offset at once.
    return this.#known === null ? null : this.#known.venueMs + now - this.#known.atMs - clock.now();
  }

  async #ask(now: number): Promise<void> {
    const { clock, fetchTime } = this.#options;
    this.#askAtMs = now + RETRY_MS;
    try {
      this.#known = { venueMs: await fetchTime(), atMs: clock.monotonic() };
      this.#askAtMs = this.#known.atMs + HOLDS_MS;
    } catch {
      // The former measurement is better than nothing.
    }
  }
}

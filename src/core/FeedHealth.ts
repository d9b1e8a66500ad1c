import type { FeedState } from '../market/marketData.ts';

/** `opening`: asked for, and nothing known yet. */
export type FeedPhase = FeedState | 'opening';

/** Events that must have come before a feed's rhythm is trusted. */
const KNOWN_AFTER_EVENTS = 3;
/** A feed is quiet against its habit after this many of its usual gaps. */
const QUIET_GAPS = 10;
const SMOOTHING = 0.2;

/** How one feed does: its phase, and the rhythm in which its events come. Times are monotonic milliseconds. */
export class FeedHealth {
  #phase: FeedPhase = 'opening';
  #reason: string | null = null;
  #events = 0;
  #lastAtMs = 0;
  #usualGapMs = 0;

  get phase(): FeedPhase {
    return this.#phase;
  }

  get reason(): string | null {
    return this.#reason;
  }

  /** True where that changed anything. */
  set(phase: FeedPhase, reason: string | null): boolean {
    if (phase === this.#phase && reason === this.#reason) return false;
    // A silence that had a cause says nothing of the feed's rhythm.
    if (phase === 'live' && this.#phase !== 'live') this.#events = 0;
    this.#phase = phase;
    this.#reason = reason;
    return true;
  }

  beat(nowMs: number): void {
    if (this.#events > 0) {
      const gap = nowMs - this.#lastAtMs;
      this.#usualGapMs = this.#events === 1 ? gap : this.#usualGapMs + SMOOTHING * (gap - this.#usualGapMs);
    }
    this.#events += 1;
    this.#lastAtMs = nowMs;
  }

  /** True where the feed has been silent for `staleAfterMs` though it normally is not. */
  quiet(nowMs: number, staleAfterMs: number): boolean {
    if (this.#phase !== 'live' || this.#events < KNOWN_AFTER_EVENTS) return false;
    return nowMs - this.#lastAtMs >= Math.max(staleAfterMs, QUIET_GAPS * this.#usualGapMs);
  }
}

/** A heartbeat comes every 5 s: what is further ahead of the last one was not made when it says. */
const PLAUSIBLE_AHEAD_MS = 6_000;
const SECOND_MS = 1_000;

/**
 * How far the venue's time has come, by what it sends: ours is not asked, for the two differ. Heartbeats tell it; between
 * two of them prices do.
 */
export class VenueClock {
  #heartbeatMs: number | null = null;
  #second = Number.NEGATIVE_INFINITY;

  /** The start of the second that has begun with it; null: that one had begun before. */
  heartbeat(timeMs: number): number | null {
    // One that was far ahead was wrong.
    if (this.#second * SECOND_MS > timeMs + PLAUSIBLE_AHEAD_MS) this.#second = Number.NEGATIVE_INFINITY;
    this.#heartbeatMs = timeMs;
    return this.#reach(timeMs);
  }

  /** As for a heartbeat. */
  price(timeMs: number): number | null {
    const isPlausible = this.#heartbeatMs !== null && timeMs <= this.#heartbeatMs + PLAUSIBLE_AHEAD_MS;
    return isPlausible ? this.#reach(timeMs) : null;
  }

  #reach(timeMs: number): number | null {
    const second = Math.floor(timeMs / SECOND_MS);
    if (second <= this.#second) return null;
    this.#second = second;
    return second * SECOND_MS;
  }
}

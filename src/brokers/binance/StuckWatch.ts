const STUCK_AFTER_MS = 10_000;
/** The times of one event that two connections deliver differ by less than this. */
const MARGIN_MS = 1_000;

/**
 * Notices that the venue's numbering began anew (a relisting, a reset): what comes looks old by its number, and yet it is
 * newer by the venue's time, or nothing else has come for long.
 */
export class StuckWatch {
  #ignoredSince: number | null = null;
  #newestMs = Number.POSITIVE_INFINITY;
  #marginMs = MARGIN_MS;

  /**
   * Something was taken. `venueMs`: the venue's time of it; without one, as of what was fetched, what follows can't be
   * judged by its time.
   */
  accepted(venueMs = Number.POSITIVE_INFINITY): void {
    this.#ignoredSince = null;
    this.#newestMs = venueMs;
    this.#marginMs = MARGIN_MS;
  }

  /** Another connection follows the one that is lost: nothing that it delivers is newer, and old by its number. */
  interrupted(): void {
    this.#ignoredSince = null;
    this.#marginMs = 0;
  }

  /** Notes that one more was ignored as old, at this monotonic time. Returns true if our place must be wrong. */
  ignored(nowMs: number, venueMs = Number.NEGATIVE_INFINITY): boolean {
    this.#ignoredSince ??= nowMs;
    return venueMs > this.#newestMs + this.#marginMs || nowMs - this.#ignoredSince > STUCK_AFTER_MS;
  }
}

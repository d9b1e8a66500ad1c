const STUCK_AFTER_MS = 10_000;

/**
 * Notices numbers that began anew at the venue (a relisting, a reset): everything is old, and yet it keeps coming.
 * Times are monotonic milliseconds.
 */
export class StuckWatch {
  #ignoredSince: number | null = null;

  accepted(): void {
    this.#ignoredSince = null;
  }

  /** One more was ignored as old. True: nothing else has come for so long that our place must be wrong. */
  ignored(nowMs: number): boolean {
    this.#ignoredSince ??= nowMs;
    return nowMs - this.#ignoredSince > STUCK_AFTER_MS;
  }
}

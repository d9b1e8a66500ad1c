const MINUTE_MS = 60_000;

/**
 * What may still be asked of a venue that allows so much request weight a minute. It counts its own requests over a rolling
 * minute, which is stricter than any counting by calendar minutes, and believes the venue where that has counted more: others
 * may share our address. Times are monotonic milliseconds.
 */
export class WeightBudget {
  #limit: number;
  /** Requests of the last minute, oldest first; their weights bound how many there can be. */
  readonly #taken: { readonly at: number; readonly weight: number }[] = [];
  #own = 0;
  #inFlight = 0;
  #report: { readonly at: number; readonly used: number } | null = null;
  /** What was in flight when the report came (which may or may not be in it), and all that was taken since. */
  #sinceReport = 0;

  constructor(limitPerMinute: number) {
    this.#limit = limitPerMinute;
  }

  set limitPerMinute(limit: number) {
    this.#limit = limit;
  }

  take(weight: number, now: number): void {
    this.#taken.push({ at: now, weight });
    this.#own += weight;
    this.#inFlight += weight;
    this.#sinceReport += weight;
  }

  /** A request has ended; `used` is the venue's own count of the current minute, null where the reply did not say. */
  settle(weight: number, used: number | null, now: number): void {
    this.#inFlight -= weight;
    if (used === null) return;
    this.#report = { at: now, used };
    this.#sinceReport = this.#inFlight;
  }

  /**
   * Milliseconds until a request of this weight keeps the minute's use within `share` (0 to 1) of the limit; 0: now. A
   * request heavier than that share goes out when nothing else has been used.
   */
  waitMs(weight: number, share: number, now: number): number {
    this.#forget(now);
    const room = Math.max(Math.floor(this.#limit * share) - weight, 0);
    return Math.max(this.#ownWaitMs(room, now), this.#reportWaitMs(room, now));
  }

  #ownWaitMs(room: number, now: number): number {
    let excess = this.#own - room;
    for (const { at, weight } of this.#taken) {
      if (excess <= 0) return 0;
      excess -= weight;
      if (excess <= 0) return at + MINUTE_MS - now;
    }
    return 0;
  }

  #reportWaitMs(room: number, now: number): number {
    if (this.#report === null || this.#report.used + this.#sinceReport <= room) return 0;
    return this.#report.at + MINUTE_MS - now;
  }

  #forget(now: number): void {
    const past = this.#taken.findIndex(({ at }) => at + MINUTE_MS > now);
    const gone = this.#taken.splice(0, past === -1 ? this.#taken.length : past);
    for (const { weight } of gone) this.#own -= weight;
    if (this.#report !== null && this.#report.at + MINUTE_MS <= now) this.#report = null;
  }
}

import type { Asker } from '../shared/FairQueue.ts';
import { addTo } from '../shared/sums.ts';

const MINUTE_MS = 60_000;
/** The shares of the clients' weight that one connection, and one owner, may use; the rest is kept for the others. */
const CONNECTION_SHARE = 1 / 2;
const OWNER_SHARE = 3 / 4;

interface Taken {
  readonly at: number;
  readonly weight: number;
  /** Null: for nobody in particular. */
  readonly asker: Asker | null;
}

/**
 * Counts the request weight that may still be used at a venue which limits it per minute. It counts its own requests
 * over a rolling minute, which is stricter than any counting by calendar minutes, and uses the venue's count if that is
 * higher: others may share our address. Times are monotonic milliseconds.
 */
export class WeightBudget {
  #limit: number;
  /** Requests of the last minute, oldest first; their weights bound how many there can be. */
  readonly #taken: Taken[] = [];
  /** Their weights, also for each connection and each owner. */
  #own = 0;
  readonly #byAsker = new Map<Asker, number>();
  readonly #byOwner = new Map<string, number>();
  #inFlight = 0;
  #report: { readonly at: number; readonly used: number } | null = null;
  /** The weight in flight when the report came, which it may or may not include, and all that was taken since. */
  #sinceReport = 0;

  constructor(limitPerMinute: number) {
    this.#limit = limitPerMinute;
  }

  set limitPerMinute(limit: number) {
    this.#limit = limit;
  }

  take(weight: number, now: number, asker: Asker | null = null): void {
    const taken: Taken = { at: now, weight, asker };
    this.#taken.push(taken);
    this.#add(taken, weight);
    this.#inFlight += weight;
    this.#sinceReport += weight;
  }

  /** A request has ended; `used` is the venue's own count of the current minute, null if the reply did not say. */
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

  /** Milliseconds until the asker's own share allows it, whatever others have used; 0: now. */
  shareWaitMs(asker: Asker, { weight, share, now }: { weight: number; share: number; now: number }): number {
    this.#forget(now);
    const all = this.#limit * share;
    const ofConnection = all * CONNECTION_SHARE - weight - (this.#byAsker.get(asker) ?? 0);
    const ofOwner = all * OWNER_SHARE - weight - (this.#byOwner.get(asker.owner) ?? 0);
    const waits = [
      this.#freeMs(-ofConnection, now, (taken) => taken === asker),
      this.#freeMs(-ofOwner, now, (taken) => taken?.owner === asker.owner),
    ];
    return Math.max(...waits);
  }

  /** Milliseconds until `excess` of the weight that these took is older than a minute, or all of it is. */
  #freeMs(excess: number, now: number, isCounted: (asker: Asker | null) => boolean): number {
    let left = excess;
    let waitMs = 0;
    for (const { at, weight, asker } of this.#taken) {
      if (left <= 0) break;
      if (!isCounted(asker)) continue;
      left -= weight;
      waitMs = at + MINUTE_MS - now;
    }
    return waitMs;
  }

  #add({ asker }: Taken, weight: number): void {
    this.#own += weight;
    if (asker === null) return;
    addTo(this.#byAsker, asker, weight);
    addTo(this.#byOwner, asker.owner, weight);
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
    for (const taken of gone) this.#add(taken, -taken.weight);
    if (this.#report !== null && this.#report.at + MINUTE_MS <= now) this.#report = null;
  }
}

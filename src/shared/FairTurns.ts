import { afterMicrotasks } from './clock.ts';
import type { Clock } from './clock.ts';
import { FairQueue } from './FairQueue.ts';
import type { Asker } from './FairQueue.ts';

/**
 * How long the work of clients may occupy the event loop before sockets and timers get a turn. A longer piece is not
 * interrupted.
 */
const SLICE_MS = 4;

/**
 * Shares the event loop among clients. The work that a client causes is done in pieces: the worker waits for a turn before each
 * piece, and a piece ends when the worker next awaits something. After a few milliseconds of such work, sockets and timers are
 * served before the next piece. Turns rotate among owners and their connections, so a client that asks for much delays itself.
 */
export class FairTurns implements Disposable {
  readonly #clock: Clock;
  readonly #waiting = new FairQueue<() => void>();
  #spentMs = 0;
  #isTaken = false;
  #isClosed = false;
  #renewal: Disposable | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is the asker's turn; never after disposal. */
  turn(asker: Asker): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(asker, resolve);
    this.#next();
    return promise;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#renewal?.[Symbol.dispose]();
  }

  #next(): void {
    if (this.#isClosed || this.#isTaken || this.#waiting.size === 0) return;
    this.#renewal ??= this.#clock.turn(() => {
      this.#renewal = null;
      this.#spentMs = 0;
      this.#next();
    });
    if (this.#spentMs >= SLICE_MS) return;
    this.#isTaken = true;
    const startedMs = this.#clock.monotonic();
    this.#waiting.shift()?.();
    afterMicrotasks(() => {
      this.#isTaken = false;
      this.#spentMs += this.#clock.monotonic() - startedMs;
      this.#next();
    });
  }
}

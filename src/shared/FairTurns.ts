import { afterMicrotasks } from './clock.ts';
import type { Clock } from './clock.ts';
import { FairQueue } from './FairQueue.ts';
import type { Asker } from './FairQueue.ts';

/** How long clients' work may keep the event loop from everything else. One piece that takes longer is not interrupted. */
const SLICE_MS = 4;

/**
 * Shares the event loop. Work that a client causes is done in pieces: before each piece the worker asks for a turn, and what
 * it does until it next waits for something is the piece. When pieces have taken a few milliseconds the loop goes on to
 * sockets and timers before the next one. Who asks for much waits for itself: turns go round among owners and connections.
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

  /** Resolves when it is the asker's turn. Once this is disposed of no turn comes any more. */
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

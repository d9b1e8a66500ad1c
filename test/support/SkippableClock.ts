import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { waitFor } from './waitFor.ts';

interface Entry {
  dueMs: number;
  readonly periodMs: number | null;
  readonly task: () => void;
  timer: Disposable;
}

const STEP_MS = 50;

/**
 * Real time that a test can hurry. Timers that would have fired meanwhile fire at once and in order; whatever shares
 * the clock, even at the other end of a socket, keeps up.
 */
export class SkippableClock implements Clock {
  #skippedMs = 0;
  readonly #entries = new Set<Entry>();

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skippedMs;
  }

  after(delayMs: number, task: () => void): Disposable {
    return this.#add(delayMs, null, task);
  }

  every(periodMs: number, task: () => void): Disposable {
    return this.#add(periodMs, periodMs, task);
  }

  turn(task: () => void): Disposable {
    return systemClock.turn(task);
  }

  /** Advances time in small steps, with a turn of the event loop after each. */
  async skip(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      this.#skippedMs += Math.min(STEP_MS, leftMs);
      const due = [...this.#entries].filter(({ dueMs }) => dueMs <= this.monotonic());
      for (const entry of due.toSorted((a, b) => a.dueMs - b.dueMs)) this.#fire(entry);
      for (const entry of this.#entries) this.#arm(entry);
      await new Promise(setImmediate);
    }
  }

  /** Hurries, several times as fast as real time, until `probe` finds the fact. */
  hurryUntil<T>(probe: () => T | undefined | null | false, what?: string): Promise<T> {
    return waitFor(async () => {
      const fact = probe();
      if (fact !== undefined && fact !== null && fact !== false) return fact;
      await this.skip(STEP_MS);
      return probe();
    }, what);
  }

  /** Hurries until the promise has settled. */
  async hurry<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.hurryUntil(() => isSettled, 'a promise to be settled');
    return promise;
  }

  #add(delayMs: number, periodMs: number | null, task: () => void): Disposable {
    const entry: Entry = { dueMs: this.monotonic() + delayMs, periodMs, task, timer: NOTHING };
    this.#entries.add(entry);
    this.#arm(entry);
    return {
      [Symbol.dispose]: () => {
        this.#remove(entry);
      },
    };
  }

  #arm(entry: Entry): void {
    entry.timer[Symbol.dispose]();
    entry.timer = systemClock.after(Math.max(0, entry.dueMs - this.monotonic()), () => {
      this.#fire(entry);
    });
  }

  #fire(entry: Entry): void {
    if (!this.#entries.has(entry)) return;
    this.#remove(entry);
    if (entry.periodMs !== null) {
      entry.dueMs = this.monotonic() + entry.periodMs;
      this.#entries.add(entry);
      this.#arm(entry);
    }
    entry.task();
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    entry.timer[Symbol.dispose]();
  }
}

const NOTHING: Disposable = { [Symbol.dispose]: () => undefined };

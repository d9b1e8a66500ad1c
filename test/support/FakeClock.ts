import type { Clock } from '../../src/shared/clock.ts';
import { waitFor } from './waitFor.ts';

interface Entry {
  at: number;
  readonly order: number;
  readonly periodMs: number | null;
  readonly task: () => void;
}

/**
 * Time that moves only when a test says so. Wall time and monotonic time advance together; the test can also shift wall
 * time alone.
 */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #entries = new Set<Entry>();

  constructor(startMs = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, task: () => void): Disposable {
    return this.#add(delayMs, null, task);
  }

  every(periodMs: number, task: () => void): Disposable {
    return this.#add(periodMs, periodMs, task);
  }

  turn(task: () => void): Disposable {
    return this.#add(0, null, task);
  }

  /** The number of timers that have neither fired nor been disposed of, which a test expects to be 0 after a close. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Shifts the wall clock and leaves monotonic time alone. */
  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  /** Suspends the process for this long: timers that are due in the meantime fire late. */
  suspend(ms: number): void {
    this.#moveTo(this.#monotonic + ms);
  }

  /** Advances time and runs the due timers in order; promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const due = [...this.#entries]
        .filter((entry) => entry.at <= end)
        .toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#moveTo(Math.max(due.at, this.#monotonic));
      if (due.periodMs === null) this.#entries.delete(due);
      else due.at = this.#monotonic + due.periodMs;
      due.task();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** Advances time step by step, and serves real sockets between two steps, until `probe` finds the fact. */
  advanceUntil<T>(stepMs: number, probe: () => T | undefined | null | false, what: string): Promise<T> {
    return waitFor(async () => {
      const fact = probe();
      if (fact !== undefined && fact !== null && fact !== false) return fact;
      await this.advance(stepMs);
      return probe();
    }, what);
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #add(delayMs: number, periodMs: number | null, task: () => void): Disposable {
    const entry: Entry = { at: this.#monotonic + delayMs, order: (this.#order += 1), periodMs, task };
    this.#entries.add(entry);
    return {
      [Symbol.dispose]: () => {
        this.#entries.delete(entry);
      },
    };
  }
}

async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
}

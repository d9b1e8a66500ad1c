import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';

/** Wall time in milliseconds. */
export type Now = () => number;

/** Timers of one clock that are disposed of together. */
export class Timers implements Disposable {
  readonly #clock: Clock;
  readonly #timers = new Set<Disposable>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  after(delayMs: number, task: () => void): Disposable {
    const timer = this.#own(
      this.#clock.after(delayMs, () => {
        timer[Symbol.dispose]();
        task();
      }),
    );
    return timer;
  }

  every(periodMs: number, task: () => void): Disposable {
    return this.#own(this.#clock.every(periodMs, task));
  }

  /** Cancels all timers; their promises never settle. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
  }

  #own(timer: Disposable): Disposable {
    const owned = {
      [Symbol.dispose]: () => {
        timer[Symbol.dispose]();
        this.#timers.delete(owned);
      },
    };
    this.#timers.add(owned);
    return owned;
  }
}

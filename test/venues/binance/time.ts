import { systemClock } from '../../../src/shared/clock.ts';
import type { Clock } from '../../../src/shared/clock.ts';

/** What the venue's times are counted in: chosen by a connection's `timeUnit`, by a request's X-MBX-TIME-UNIT. */
export type TimeUnit = 'ms' | 'us';

/** Wall time in milliseconds. */
export type Now = () => number;

/** Null for a unit that the venue does not know. */
export function parseTimeUnit(text: string | null | undefined): TimeUnit | null {
  switch (text?.toUpperCase()) {
    case undefined:
    case 'MILLISECOND':
      return 'ms';
    case 'MICROSECOND':
      return 'us';
    default:
      return null;
  }
}

export function inUnit(epochMs: number, unit: TimeUnit): number {
  return unit === 'ms' ? Math.floor(epochMs) : Math.floor(epochMs) * 1000;
}

/** The last instant before `endMs`. */
export function justBefore(endMs: number, unit: TimeUnit): number {
  return inUnit(endMs, unit) - 1;
}

/** Time parameters of requests may be in either unit; the magnitude tells. */
export function parameterToMs(value: number): number {
  return value > 100_000_000_000_000 ? Math.floor(value / 1000) : value;
}

/** Timers of one clock that end together. */
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

  /** What has not fired never will; who waits for it waits on. */
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

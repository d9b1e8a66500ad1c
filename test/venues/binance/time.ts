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

/** Timers that end together. */
export class Timers implements Disposable {
  readonly #timers = new Set<NodeJS.Timeout>();

  after(delayMs: number, task: () => void): Disposable {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, delayMs);
    return this.#own(timer);
  }

  every(periodMs: number, task: () => void): Disposable {
    return this.#own(setInterval(task, periodMs));
  }

  /** What has not fired never will; who waits for it waits on. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #own(timer: NodeJS.Timeout): Disposable {
    this.#timers.add(timer);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#timers.delete(timer);
      },
    };
  }
}

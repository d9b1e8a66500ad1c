import { performance } from 'node:perf_hooks';

/**
 * The only access to time. Code that reads or waits for time gets a clock, so that tests can drive it. Every timer is returned
 * as a Disposable, and its owner disposes of it.
 */
export interface Clock {
  /** Wall time in milliseconds since the epoch. It may jump, so it is for timestamps only. */
  now(): number;
  /** Milliseconds since some fixed point. It never jumps, so it is for durations and deadlines. */
  monotonic(): number;
  /** Calls `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Disposable;
  /** Calls `task` every `periodMs`. */
  every(periodMs: number, task: () => void): Disposable;
  /** Calls `task` once, at the end of this turn of the event loop: after the events at hand have been handled. */
  turn(task: () => void): Disposable;
}

/** A timer of Node's fires at once if it is longer: nearly 25 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      if (leftMs <= LONGEST_TIMER_MS) timer = setTimeout(task, leftMs);
      else timer = setTimeout(wait, LONGEST_TIMER_MS, leftMs - LONGEST_TIMER_MS);
    };
    wait(delayMs);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
      },
    };
  },
  every(periodMs, task) {
    const timer = setInterval(task, periodMs);
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer);
      },
    };
  },
  turn(task) {
    const immediate = setImmediate(task);
    return {
      [Symbol.dispose]: () => {
        clearImmediate(immediate);
      },
    };
  },
};

/**
 * Resolves after `delayMs`, or as soon as `signal` is aborted. It never rejects: check the signal afterwards. It leaves neither
 * a timer nor a listener behind.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Calls `task` once the microtask queue is empty, before any I/O or timer: after the reactions of all settled promises. */
export function afterMicrotasks(task: () => void): void {
  // A tick that is requested from within a microtask runs when no microtask is left, before anything else.
  queueMicrotask(() => {
    process.nextTick(task);
  });
}

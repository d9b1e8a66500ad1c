import { performance } from 'node:perf_hooks';

/**
 * The only door to time. Whoever waits for time is given one of these, so that tests can drive it.
 * Every timer that is started here is returned as a Disposable: its owner disposes of it.
 */
export interface Clock {
  /** Wall time, milliseconds since the epoch. May jump: for timestamps only. */
  now(): number;
  /** Milliseconds from some fixed point; never jumps: for durations and deadlines. */
  monotonic(): number;
  /** Calls `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Disposable;
  /** Calls `task` again and again, each `periodMs`. */
  every(periodMs: number, task: () => void): Disposable;
  /** Calls `task` once the events at hand have been handled (the end of this turn of the event loop). */
  turn(task: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
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
 * Resolves `delayMs` from now, or at once when `signal` is aborted (it never rejects: look at the signal afterwards).
 * Leaves neither timer nor listener behind.
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

/** Calls `task` when all that can go on without waiting for anything has gone on: later than any promise that is settled. */
export function afterMicrotasks(task: () => void): void {
  // From within a microtask a tick comes when no microtask is left, and before anything else does.
  queueMicrotask(() => {
    process.nextTick(task);
  });
}

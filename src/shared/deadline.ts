import type { Clock } from './clock.ts';

/** A limit on the time that some work may take; disposing of it ends the timer. */
export interface Deadline extends Disposable {
  /** Aborted when the time is up, or with the signal that was given. */
  readonly signal: AbortSignal;
  /** The time was up before the deadline was disposed of. */
  readonly isOver: boolean;
}

/** Limits work to `afterMs`; `signal` cancels it earlier. */
export function deadline(clock: Clock, afterMs: number, signal: AbortSignal): Deadline {
  const late = new AbortController();
  const timer = clock.after(afterMs, () => {
    late.abort();
  });
  return {
    signal: AbortSignal.any([signal, late.signal]),
    get isOver() {
      return late.signal.aborted;
    },
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
    },
  };
}

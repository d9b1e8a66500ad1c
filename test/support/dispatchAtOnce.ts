import type { Dispatchable } from '../../src/fanout/routing/FlushScheduler.ts';

/** A scheduler for tests that look at what was dispatched right after it was published: it never waits. */
export const dispatchAtOnce = {
  dispatchLater(dispatchable: Dispatchable): void {
    dispatchable.dispatch();
  },
  flushNow(): void {},
};

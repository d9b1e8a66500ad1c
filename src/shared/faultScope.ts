import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.ts';

/** Takes what code that runs in its name has thrown and nobody has caught. */
export type FaultOwner = (error: unknown) => void;

// The runtime keeps this for each chain of callbacks, so there can be only one of it in a process.
const owners = new AsyncLocalStorage<FaultOwner | null>();

/**
 * Runs the task in the name of an owner, and with it whatever it causes later: timers, socket events, promises. The process
 * ends for an error that nobody catches, unless it has an owner (see `faultOwner`).
 */
export function runOwned<Result>(owner: FaultOwner, task: () => Result): Result {
  return owners.run(owner, task);
}

/** The owner of the code that runs just now; in a listener for unhandled errors, of the code that threw. Null: nobody. */
export function faultOwner(): FaultOwner | null {
  return owners.getStore() ?? null;
}

/** Tells the owner of the code that runs just now of an error that was caught, but shows that the code can't be relied on. */
export function reportFault(error: unknown): void {
  faultOwner()?.(error);
}

/**
 * The same clock for code that many owners call into: its timers are in nobody's name, whoever's call has set them. A fault in
 * them ends the process.
 */
export function unownedClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs, task) => clock.after(delayMs, unowned(task)),
    every: (periodMs, task) => clock.every(periodMs, unowned(task)),
    turn: (task) => clock.turn(unowned(task)),
  };
}

function unowned(task: () => void): () => void {
  return () => {
    if (faultOwner() === null) task();
    else owners.run(null, task);
  };
}

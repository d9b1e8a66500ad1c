import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Does the task for each item, in its own way and time; resolves when it is done for all. */
export type Spread = <Item>(items: Iterable<Item>, task: (item: Item) => void) => Promise<void>;

/** Does it for all items before it returns. */
export const atOnce: Spread = (items, task) => {
  for (const item of items) task(item);
  return Promise.resolve();
};

export interface SpreadOptions {
  /** How long all of it takes. */
  readonly overMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

const STEP_MS = 10;

/** Does it evenly over some time and in random order; at once if there is no time. */
export function spreadOver({ overMs, clock, random }: SpreadOptions): Spread {
  if (overMs <= 0) return atOnce;
  return async (items, task) => {
    const waiting = shuffled(items, random);
    const count = waiting.length;
    const beganMs = clock.monotonic();
    for (let done = 0; done < count;) {
      const due = Math.ceil((count * (clock.monotonic() - beganMs + STEP_MS)) / overMs);
      for (const item of waiting.slice(done, due)) task(item);
      done = Math.min(due, count);
      if (done < count) await sleep(clock, STEP_MS);
    }
  };
}

function shuffled<Item>(items: Iterable<Item>, random: Random): readonly Item[] {
  return [...items]
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

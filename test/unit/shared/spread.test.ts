import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/shared/random.ts';
import { atOnce, spreadOver } from '../../../src/shared/spread.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const ITEMS = Array.from({ length: 1_000 }, (_, n) => n);

it('is even over the time, in random order, and reaches every item once', async () => {
  const clock = new FakeClock();
  const done: { readonly item: number; readonly atMs: number }[] = [];
  const spread = spreadOver({ overMs: 2_000, clock, random: seededRandom(1) });
  const all = spread(ITEMS, (item) => done.push({ item, atMs: clock.monotonic() }));
  await clock.advance(2_000);
  await all;
  expect(done.map(({ item }) => item).toSorted((a, b) => a - b)).toEqual(ITEMS);
  expect(done.map(({ item }) => item)).not.toEqual(ITEMS);
  const inFifths = [0, 1, 2, 3, 4].map((n) => done.filter(({ atMs }) => Math.floor(atMs / 400) === n).length);
  for (const count of inFifths) expect(Math.abs(count - 200)).toBeLessThanOrEqual(10);
  expect(clock.pending).toBe(0);
});

it('catches up if the process did not run meanwhile', async () => {
  const clock = new FakeClock();
  let done = 0;
  const all = spreadOver({ overMs: 2_000, clock, random: seededRandom(1) })(ITEMS, () => (done += 1));
  clock.suspend(5_000);
  await clock.advance(0);
  await all;
  expect(done).toBe(1_000);
});

it.each([atOnce, spreadOver({ overMs: 0, clock: new FakeClock(), random: seededRandom(1) })])(
  'without any time is done before it returns',
  (spread) => {
    const done: number[] = [];
    void spread([1, 2, 3], (item) => done.push(item));
    expect(done).toEqual([1, 2, 3]);
  },
);

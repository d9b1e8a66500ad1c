import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inSlices, stringifyInSlices } from '../../../src/graphql/slices.ts';

describe('a value that is written in slices', () => {
  it('is exactly what JSON.stringify writes', async () => {
    const values = fc.jsonValue({ maxDepth: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ data: values, list: fc.array(values) }),
        fc.integer({ min: 1, max: 60 }),
        async (value, times) => {
          const long = { ...value, long: Array.from({ length: times }, () => value.list).flat(), none: undefined };
          expect(await stringifyInSlices(long, () => Promise.resolve())).toBe(JSON.stringify(long));
        },
      ),
    );
  });

  it('asks for a turn before each slice but the first, and for none if a list is short', async () => {
    let turns = 0;
    const turn = (): Promise<void> => {
      turns += 1;
      return Promise.resolve();
    };
    await stringifyInSlices({ data: { list: Array.from({ length: 1_000 }, (_, n) => n) } }, turn);
    expect(turns).toBe(7);
    await stringifyInSlices({ data: { list: [1, 2, 3] } }, turn);
    expect(turns).toBe(7);
  });
});

describe('a list that is completed in slices', () => {
  it('is complete and in order, with a turn of the event loop for each slice', async () => {
    const gates: (() => void)[] = [];
    const turn = (): Promise<void> =>
      new Promise((resolve) => {
        gates.push(resolve);
      });
    const items = Array.from({ length: 300 }, (_, n) => n);
    const sliced = inSlices(items, turn);
    expect(sliced.slice(0, 128)).toEqual(items.slice(0, 128));
    let done: readonly number[] | null = null;
    const awaited = sliced.map((item) => Promise.resolve(item));
    void Promise.all(awaited).then((all) => (done = all));
    await new Promise((resolve) => setImmediate(resolve));
    expect([gates.length, done]).toEqual([1, null]);
    gates[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect([gates.length, done]).toEqual([2, null]);
    gates[1]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual(items);
  });
});

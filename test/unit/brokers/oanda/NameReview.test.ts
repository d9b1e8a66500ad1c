import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRefused, NameReview } from '../../../../src/brokers/oanda/NameReview.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';

const refusing =
  (...bad: string[]) =>
  (names: readonly string[]): Promise<boolean> =>
    Promise.resolve(!names.some((name) => bad.includes(name)));

describe('names that the venue refuses', () => {
  it('are found among any others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string()), fc.array(fc.string()), async (names, bad) => {
        expect(await findRefused(names, refusing(...bad))).toEqual(names.filter((name) => bad.includes(name)));
      }),
    );
  });

  it('are found with few questions', async () => {
    let asked = 0;
    const names = Array.from({ length: 128 }, (_, index) => String(index));
    const found = await findRefused(names, (some) => {
      asked += 1;
      return refusing('77')(some);
    });
    expect(found).toEqual(['77']);
    expect(asked).toBeLessThanOrEqual(15);
  });

  it('are known after a review, until they are forgotten', async () => {
    let reviewed = 0;
    const review = new NameReview({
      ask: refusing('B'),
      logger: silentLogger(),
      onReviewed: () => (reviewed += 1),
    });
    review.begin(new Set(['A', 'B', 'C']));
    review.begin(new Set(['A']));
    await review.done;
    expect(reviewed).toBe(1);
    expect(['A', 'B', 'C'].map((name) => review.has(name))).toEqual([false, true, false]);
    review.forget();
    expect(review.has('B')).toBe(false);
  });

  it('are not known if the venue can not be asked', async () => {
    const review = new NameReview({
      ask: () => Promise.reject(new Error('not now')),
      logger: silentLogger(),
      onReviewed: () => expect.unreachable(),
    });
    review.begin(new Set(['A']));
    await review.done;
    expect(review.has('A')).toBe(false);
  });
});

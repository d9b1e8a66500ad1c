import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { FakeClock } from '../../support/FakeClock.ts';

describe('SlidingWindow', () => {
  it('lets no more than the limit through in any window, wherever it begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 700 })),
        async (limit, steps) => {
          const clock = new FakeClock();
          const window = new SlidingWindow({ limit, windowMs: 1_000, clock });
          const taken: number[] = [];
          for (const step of steps) {
            await clock.advance(step);
            if (window.tryTake()) taken.push(clock.monotonic());
          }
          for (const start of taken) {
            expect(taken.filter((at) => at >= start && at < start + 1_000).length).toBeLessThanOrEqual(limit);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('reports how long to wait, and lets one through just then', async () => {
    const clock = new FakeClock();
    const window = new SlidingWindow({ limit: 2, windowMs: 1_000, clock });
    expect(window.tryTake()).toBe(true);
    await clock.advance(300);
    expect(window.tryTake()).toBe(true);
    expect(window.delayMs).toBe(700);
    await clock.advance(699);
    expect(window.tryTake()).toBe(false);
    await clock.advance(1);
    expect(window.delayMs).toBe(0);
    expect(window.tryTake()).toBe(true);
    expect(window.delayMs).toBe(300);
  });
});

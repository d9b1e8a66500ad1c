import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeightBudget } from '../../../src/transport/WeightBudget.ts';

describe('WeightBudget', () => {
  it('never uses more than its share in any minute, and never waits longer than a minute', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), weight: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const budget = new WeightBudget(100);
        const sent: { at: number; weight: number }[] = [];
        let now = 0;
        for (const { afterMs, weight } of steps) {
          now += afterMs;
          const waitMs = budget.waitMs(weight, 0.8, now);
          expect(waitMs).toBeLessThanOrEqual(60_000);
          now += waitMs;
          expect(budget.waitMs(weight, 0.8, now)).toBe(0);
          budget.take(weight, now);
          sent.push({ at: now, weight });
          const lastMinute = sent.filter(({ at }) => at > now - 60_000);
          expect(lastMinute.reduce((sum, request) => sum + request.weight, 0)).toBeLessThanOrEqual(80);
        }
      }),
    );
  });

  it('believes the venue if it has counted more, for a minute', () => {
    const budget = new WeightBudget(100);
    budget.take(5, 0);
    budget.settle(5, 79, 1_000);
    expect(budget.waitMs(1, 0.8, 1_000)).toBe(0);
    expect(budget.waitMs(2, 0.8, 1_000)).toBe(60_000);
    expect(budget.waitMs(2, 0.8, 61_000)).toBe(0);
  });

  it('adds to what the venue said whatever was sent since, and what it may not have counted yet', () => {
    const budget = new WeightBudget(100);
    budget.take(5, 0);
    budget.take(10, 0);
    budget.settle(5, 50, 500);
    budget.take(10, 600);
    expect(budget.waitMs(10, 0.8, 700)).toBe(0);
    expect(budget.waitMs(11, 0.8, 700)).toBeGreaterThan(0);
  });

  it('takes the newer of two reports, though it is lower', () => {
    const budget = new WeightBudget(100);
    budget.take(1, 0);
    budget.settle(1, 95, 0);
    budget.take(1, 59_000);
    budget.settle(1, 3, 59_000);
    expect(budget.waitMs(70, 0.8, 59_000)).toBe(0);
  });

  it('lets a request heavier than the whole share go out alone', () => {
    const budget = new WeightBudget(100);
    expect(budget.waitMs(250, 0.8, 0)).toBe(0);
    budget.take(1, 0);
    budget.settle(1, null, 0);
    expect(budget.waitMs(250, 0.8, 10)).toBe(59_990);
    expect(budget.waitMs(250, 0.8, 60_000)).toBe(0);
  });

  it('holds a new limit from the next request on', () => {
    const budget = new WeightBudget(6_000);
    budget.take(100, 0);
    budget.limitPerMinute = 100;
    expect(budget.waitMs(1, 0.8, 0)).toBe(60_000);
  });

  it('gives one connection half, and one owner three quarters, of what all may use, for a minute', () => {
    const budget = new WeightBudget(1_000);
    const [a, b, other] = [{ owner: 'one' }, { owner: 'one' }, { owner: 'other' }];
    const waits = (asker: typeof a, weight: number, now = 0) => budget.shareWaitMs(asker, { weight, share: 0.8, now });
    expect(waits(a, 400)).toBe(0);
    budget.take(400, 0, a);
    expect(waits(a, 1)).toBe(60_000);
    expect(waits(b, 200)).toBe(0);
    expect(waits(b, 201)).toBe(60_000);
    budget.take(200, 1_000, b);
    expect([waits(b, 1, 1_000), waits(other, 400, 1_000)]).toEqual([59_000, 0]);
    expect([waits(a, 400, 60_000), waits(b, 200, 60_000)]).toEqual([0, 0]);
  });

  it('lets who has used nothing send what is heavier than its share', () => {
    const budget = new WeightBudget(100);
    expect(budget.shareWaitMs({ owner: 'one' }, { weight: 90, share: 0.6, now: 0 })).toBe(0);
  });
});

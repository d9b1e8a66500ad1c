import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { OandaBudgets } from '../../../../src/brokers/oanda/OandaBudgets.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

describe('the budgets of the venue', () => {
  it('are one for each token, no matter who uses it', () => {
    const budgets = new OandaBudgets({ clock: new FakeClock() });
    using one = budgets.use('token');
    using same = budgets.use('token');
    using other = budgets.use('another');
    expect([one.connections.tryTake(), same.connections.tryTake(), one.connections.tryTake()]).toEqual([
      true,
      true,
      false,
    ]);
    expect(other.connections.tryTake()).toBe(true);
    expect(budgets.size).toBe(2);
  });

  it('have 20 places for streams, each free again once', () => {
    const budgets = new OandaBudgets({ clock: new FakeClock() });
    using one = budgets.use('token');
    using same = budgets.use('token');
    const places = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : same).takeStream());
    expect(places).not.toContain(null);
    expect(one.takeStream()).toBeNull();
    places[7]?.[Symbol.dispose]();
    places[7]?.[Symbol.dispose]();
    expect(same.takeStream()).not.toBeNull();
    expect(same.takeStream()).toBeNull();
  });

  it('allow two connections and at most 120 requests in any second', async () => {
    const clock = new FakeClock();
    using budget = new OandaBudgets({ clock }).use('token');
    let requests = 0;
    while (budget.requests.tryTake()) requests += 1;
    expect(requests).toBeGreaterThan(100);
    expect(requests).toBeLessThanOrEqual(120);
    expect([1, 2, 3].map(() => budget.connections.tryTake())).toEqual([true, true, false]);
    await clock.advance(1_000);
    expect(budget.connections.tryTake()).toBe(false);
    await clock.advance(100);
    expect(budget.connections.tryTake()).toBe(true);
  });

  it('are forgotten when the last user is gone and nothing it did counts any more', async () => {
    const clock = new FakeClock();
    const budgets = new OandaBudgets({ clock });
    const one = budgets.use('token');
    const same = budgets.use('token');
    one.connections.tryTake();
    one.connections.tryTake();
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    await clock.advance(2_000);
    expect(budgets.size).toBe(1);
    same.connections.tryTake();
    same.connections.tryTake();
    same[Symbol.dispose]();
    // Who comes at once has what is left of it, and no more.
    using next = budgets.use('token');
    expect(next.connections.tryTake()).toBe(false);
    next[Symbol.dispose]();
    await clock.advance(2_000);
    expect(budgets.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('hold no token', () => {
    const budgets = new OandaBudgets({ clock: new FakeClock() });
    using _use = budgets.use('SENTINEL-token');
    expect(inspect(budgets, { depth: 9, showHidden: true })).not.toContain('SENTINEL');
  });
});

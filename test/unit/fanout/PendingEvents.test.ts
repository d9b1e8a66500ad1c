import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/ByteBudget.ts';
import { Emission } from '../../../src/fanout/Emission.ts';
import { PendingEvents } from '../../../src/fanout/PendingEvents.ts';
import { book, key, tick, trade } from '../../support/events.ts';

function pendingEvents(limitBytes = 100_000) {
  const conflated: string[] = [];
  const budget = new ByteBudget(limitBytes);
  const pending = new PendingEvents({ budget, onConflated: (type) => conflated.push(type) });
  return { pending, budget, conflated };
}

const sequences = (pending: PendingEvents): number[] => {
  const found: number[] = [];
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) found.push(next.emission.event.sequence);
  return found;
};

/** Trades that take more than half of the budget: whoever has not taken these is behind. */
function fallBehind(pending: PendingEvents, budget: ByteBudget): void {
  while (budget.used <= budget.limit / 2) pending.push(new Emission(key('trade', 'OTHER'), trade(0)), null);
}

describe('PendingEvents', () => {
  it('keeps everything while little waits: a burst is no slowness', () => {
    const { pending, conflated } = pendingEvents();
    for (let sequence = 1; sequence <= 50; sequence += 1) pending.push(new Emission(key('tick'), tick(sequence)), null);
    expect(sequences(pending)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(conflated).toEqual([]);
  });

  it('keeps of ticks only the newest of each stream, in the place of the one before, once the subscriber is behind', () => {
    const { pending, budget, conflated } = pendingEvents();
    fallBehind(pending, budget);
    pending.push(new Emission(key('tick', 'A'), tick(1)), null);
    pending.push(new Emission(key('tick', 'B'), tick(10)), null);
    pending.push(new Emission(key('tick', 'A'), tick(2)), null);
    expect(sequences(pending).filter((sequence) => sequence > 0)).toEqual([2, 10]);
    expect(conflated).toEqual(['tick']);
  });

  it('never drops a trade', () => {
    const { pending, conflated } = pendingEvents();
    for (let sequence = 1; sequence <= 50; sequence += 1)
      pending.push(new Emission(key('trade'), trade(sequence)), null);
    expect(sequences(pending)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(conflated).toEqual([]);
  });

  it('gives one whole book in place of several deltas, as it is when it leaves', () => {
    const { pending, budget } = pendingEvents();
    fallBehind(pending, budget);
    let newest = 0;
    const fresh = (): Emission => new Emission(key('orderbook'), book(newest, 'snapshot', { bids: [['1', '1']] }));
    for (newest = 1; newest <= 3; newest += 1) {
      pending.push(new Emission(key('orderbook'), book(newest, 'delta', {}), { fresh }), null);
    }
    newest = 7;
    let left: Emission | undefined;
    do left = pending.shift()?.emission;
    while (left?.event.type === 'trade');
    expect(left?.event).toMatchObject({ type: 'orderbook', kind: 'snapshot', sequence: 7 });
    expect(pending.shift()).toBeUndefined();
  });

  it('passes a single waiting delta on as it is', () => {
    const { pending } = pendingEvents();
    const delta = new Emission(key('orderbook'), book(4, 'delta', {}), {
      fresh: () => {
        throw new Error('not asked for');
      },
    });
    pending.push(delta, null);
    expect(pending.shift()?.emission).toBe(delta);
  });

  it('refuses what goes over the budget, and gives the budget back as events leave', () => {
    const { pending, budget } = pendingEvents(1_000);
    expect(pending.push(new Emission(key('trade'), trade(1)), null)).toBe(true);
    expect(pending.push(new Emission(key('trade'), trade(2)), null)).toBe(true);
    expect(pending.push(new Emission(key('trade'), trade(3)), null)).toBe(false);
    expect(sequences(pending)).toEqual([1, 2]);
    expect(budget.used).toBe(0);
    pending.push(new Emission(key('trade'), trade(4)), null);
    pending.clear();
    expect(budget.used).toBe(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sequencer } from '../../../src/brokers/Sequencer.ts';
import { decimal } from '../../../src/market/decimal.ts';
import type { TradeDraft } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';

const time = fromEpochMs(0);
const trade = (id: number): TradeDraft => ({
  type: 'trade',
  time,
  receivedAt: time,
  tradeId: String(id),
  price: decimal('1'),
  size: decimal('1'),
  side: 'buy',
  backfilled: false,
});

/** Pushes ids and gives those that went out, in order. */
function run(sequencer: Sequencer<TradeDraft>, ids: readonly number[]): number[] {
  const out: number[] = [];
  for (const id of ids) {
    if (sequencer.push(id, trade(id)) === 'publish') out.push(id);
    out.push(...sequencer.drain().map(({ venueId }) => venueId));
  }
  return out;
}

describe('Sequencer', () => {
  it('takes the first trade as it comes, and each once', () => {
    expect(run(new Sequencer<TradeDraft>({ maxHeld: 10 }), [7, 7, 8, 6, 9, 8])).toEqual([7, 8, 9]);
  });

  it('lets the first trade pass that history has, or that follows it', () => {
    for (const first of [5, 7, 8]) {
      const sequencer = new Sequencer<TradeDraft>({ maxHeld: 10 });
      sequencer.expectBehind(9);
      sequencer.expectBehind(7);
      expect(run(sequencer, [first, first + 1])).toEqual([first, first + 1]);
    }
  });

  it('takes what is missing between history and the first trade for a hole, but not after a restart', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 10 });
    sequencer.expectBehind(7);
    expect(run(sequencer, [10])).toEqual([]);
    expect(run(sequencer, [8, 9])).toEqual([8, 9, 10]);
    sequencer.expectBehind(3);
    expect(run(sequencer, [11])).toEqual([11]);
    sequencer.restart();
    expect(run(sequencer, [20])).toEqual([20]);
  });

  it('lets nothing pass a hole until it is filled', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 10 });
    expect(run(sequencer, [1, 4, 5])).toEqual([1]);
    expect(sequencer.hasHole).toBe(true);
    expect(run(sequencer, [3, 2])).toEqual([2, 3, 4, 5]);
    expect(sequencer.hasHole).toBe(false);
  });

  it('names the trades of a hole that is given up, and goes on behind it', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 10 });
    run(sequencer, [1, 4, 8]);
    expect(sequencer.skipHole()).toEqual({ fromId: 2, toId: 3, next: trade(4) });
    expect(sequencer.drain().map(({ venueId }) => venueId)).toEqual([4]);
    expect(sequencer.skipHole()).toEqual({ fromId: 5, toId: 7, next: trade(8) });
    expect(sequencer.drain().map(({ venueId }) => venueId)).toEqual([8]);
    expect(sequencer.skipHole()).toBeNull();
  });

  it('says when more waits than it may hold', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 2 });
    run(sequencer, [1]);
    expect([3, 4, 5].map((id) => sequencer.push(id, trade(id)))).toEqual(['hold', 'hold', 'overflow']);
  });

  it('goes on after the number that a restart names: what is older is dropped, what is missing is awaited', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 2 });
    sequencer.restart(5);
    expect(run(sequencer, [5, 7, 6])).toEqual([6, 7]);
  });

  it('takes any trade for the first after a restart', () => {
    const sequencer = new Sequencer<TradeDraft>({ maxHeld: 2 });
    run(sequencer, [100, 102]);
    sequencer.restart();
    expect(run(sequencer, [1, 2])).toEqual([1, 2]);
  });

  it('puts every trade out once and in order, however they are mixed', () => {
    const mixes = fc.integer({ min: 1, max: 30 }).chain((count) => {
      const ids = Array.from({ length: count }, (_, index) => index + 2);
      return fc.tuple(
        fc.constant(count),
        fc.shuffledSubarray([...ids, ...ids], { minLength: ids.length * 2, maxLength: ids.length * 2 }),
      );
    });
    fc.assert(
      fc.property(mixes, ([count, ids]) => {
        const out = run(new Sequencer<TradeDraft>({ maxHeld: 100 }), [1, ...ids]);
        expect(out).toEqual(Array.from({ length: count + 1 }, (_, index) => index + 1));
      }),
    );
  });
});

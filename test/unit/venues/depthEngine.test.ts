import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/shared/random.ts';
import { DepthEngine } from '../../venues/binance/DepthEngine.ts';
import type { BookSnapshot, Diff, Level } from '../../venues/binance/DepthEngine.ts';

function engine(seed = 1): DepthEngine {
  return new DepthEngine({
    price: '100.00000000',
    tickSize: 1_000_000n,
    stepSize: 1000n,
    levels: 20,
    firstUpdateId: 1000,
    random: seededRandom(seed),
  });
}

/** The rule for books, implemented a second time from the documentation. */
function applied(book: BookSnapshot, diffs: readonly Diff[]): BookSnapshot {
  const side = (start: readonly Level[], pick: (diff: Diff) => readonly Level[], sign: number): Level[] => {
    const levels = new Map(start);
    for (const [price, quantity] of diffs.flatMap((diff) => (diff.u > book.lastUpdateId ? pick(diff) : []))) {
      if (Number(quantity) === 0) levels.delete(price);
      else levels.set(price, quantity);
    }
    return [...levels].toSorted(([a], [b]) => sign * (Number(a) - Number(b)));
  };
  return {
    lastUpdateId: diffs.at(-1)?.u ?? book.lastUpdateId,
    bids: side(book.bids, (diff) => diff.b, -1),
    asks: side(book.asks, (diff) => diff.a, 1),
  };
}

describe('DepthEngine', () => {
  it.each([1, 2, 3, 4, 5])('gives diffs without a gap that lead from any snapshot to the book (seed %i)', (seed) => {
    const venue = engine(seed);
    const random = seededRandom(seed + 100);
    const diffs: Diff[] = [];
    let middle: BookSnapshot | null = null;
    for (let step = 0; step < 500; step += 1) {
      if (random() < 0.5) venue.nudgeBest();
      else venue.nudgeDepth();
      if (step === 250) middle = venue.snapshot();
      if (random() < 0.3) diffs.push(...[venue.takeDiff(100)].filter((diff) => diff !== null));
    }
    diffs.push(...[venue.takeDiff(100)].filter((diff) => diff !== null));
    for (const [index, diff] of diffs.entries()) {
      expect(diff.U).toBe(index === 0 ? 1001 : (diffs[index - 1]?.u ?? 0) + 1);
      expect(diff.b.length + diff.a.length).toBeGreaterThan(0);
    }
    expect(applied(engine(seed).snapshot(), diffs)).toEqual(venue.snapshot());
    expect(middle && applied(middle, diffs)).toEqual(venue.snapshot());
  });

  it('never crosses its own book', () => {
    const venue = engine();
    for (let step = 0; step < 2000; step += 1) {
      if (step % 2 === 0) venue.nudgeBest();
      else venue.nudgeDepth();
      expect(Number(venue.best('bids')?.[0])).toBeLessThan(Number(venue.best('asks')?.[0]));
    }
  });

  it('collects changes for each speed separately', () => {
    const venue = engine();
    venue.apply({ bids: [['99.5', '1']] });
    expect(venue.takeDiff(100)).toMatchObject({ U: 1001, u: 1001 });
    venue.apply({ asks: [['100.5', '0']] });
    expect(venue.takeDiff(100)).toEqual({ U: 1002, u: 1002, b: [], a: [['100.50000000', '0.00000000']] });
    expect(venue.takeDiff(1000)).toMatchObject({ U: 1001, u: 1002 });
    expect(venue.takeDiff(100)).toBeNull();
  });

  it('removes better levels than a best price that is set, on both sides', () => {
    const venue = engine();
    venue.setBest({ bid: ['100.03', '7'], ask: ['100.09', '8'] });
    expect(venue.best('bids')).toEqual(['100.03000000', '7.00000000']);
    expect(venue.best('asks')).toEqual(['100.09000000', '8.00000000']);
    venue.setBest({ bid: ['200', '1'] });
    expect(venue.best('asks')?.[0]).toBe('200.01000000');
  });

  it('limits a snapshot to the best levels', () => {
    const { bids, asks } = engine().snapshot(2);
    expect(bids.map(([price]) => price)).toEqual(['99.99000000', '99.98000000']);
    expect(asks.map(([price]) => price)).toEqual(['100.01000000', '100.02000000']);
  });
});

import { describe, expect, it } from 'vitest';
import { ladderOf } from '../../../web/data/ladder.ts';

describe('the ladder', () => {
  const book = {
    asks: [
      { price: '100.02', size: '0.1' },
      { price: '100.03', size: '0.2' },
    ],
    bids: [
      { price: '100.01', size: '1.25' },
      { price: '99.9', size: '0.005' },
    ],
  };

  it('adds sizes up from the best price, exactly', () => {
    const { asks, bids } = ladderOf(book);
    expect(asks.map(({ total }) => total)).toEqual(['0.1', '0.3']);
    expect(bids.map(({ total }) => total)).toEqual(['1.25', '1.255']);
  });

  it("compares both sides' bars with the deeper one", () => {
    const { asks, bids } = ladderOf(book);
    expect(bids.at(-1)?.share).toBe(1);
    expect(asks.at(-1)?.share).toBeCloseTo(0.3 / 1.255);
  });

  it('has the exact spread, and the decimals of its columns', () => {
    const { spread, decimals } = ladderOf(book);
    expect(spread).toBe('0.01');
    expect(decimals).toEqual({ price: 2, size: 3 });
  });

  it('of a one-sided or an empty book has no spread', () => {
    expect(ladderOf({ ...book, bids: [] })).toMatchObject({ spread: null, bids: [] });
    expect(ladderOf({ asks: [], bids: [] }).decimals).toEqual({ price: 0, size: 0 });
  });
});

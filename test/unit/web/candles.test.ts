import { describe, expect, it } from 'vitest';
import type { Candle } from '../../../client/index.ts';
import { mergeCandles } from '../../../web/data/candles.ts';

const candle = (minute: number, close = '1'): Candle => {
  const openTime = new Date(minute * 60_000).toISOString();
  return {
    __typename: 'Candle',
    broker: 'b',
    symbol: 'S',
    type: 'CANDLE',
    time: openTime,
    receivedAt: openTime,
    sequence: minute,
    cursor: `c${minute}`,
    interval: 'ONE_MINUTE',
    openTime,
    closeTime: openTime,
    open: '1',
    high: '1',
    low: '1',
    close,
    volume: '1',
    tradeCount: null,
    closed: false,
    backfilled: false,
  };
};

describe('the candles of the chart', () => {
  it('are in order, each start once, with the newest that came', () => {
    const first = mergeCandles([], [candle(1), candle(2, '2')]);
    const next = mergeCandles(first, [candle(2, '3'), candle(3)]);
    expect(next.map(({ sequence, close }) => [sequence, close])).toEqual([
      [1, '1'],
      [2, '3'],
      [3, '1'],
    ]);
  });

  it('of a gap that was filled later come in their places', () => {
    const late = mergeCandles([candle(1), candle(4)], [candle(3), candle(2)]);
    expect(late.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  it('have a bound: the oldest go', () => {
    const many = Array.from({ length: 50 }, (_, i) => candle(i));
    expect(mergeCandles(many, [candle(50)], 10).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 10 }, (_, i) => 41 + i),
    );
  });
});

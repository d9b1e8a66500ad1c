import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CandleBuilder } from '../../../src/market/CandleBuilder.ts';
import type { CandleOutcome, CandleTrade } from '../../../src/market/CandleBuilder.ts';
import { add, compare, decimal, fromUnits } from '../../../src/market/decimal.ts';
import type { CandleDraft, CandleInterval } from '../../../src/market/marketData.ts';
import { CANDLE_INTERVALS } from '../../../src/market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../../src/market/timestamp.ts';

const START = Date.UTC(2026, 0, 2, 3, 4, 0);
const RECEIVED = fromEpochMs(START);

const trade = (price: string, size: string, afterMs: number): CandleTrade => ({
  price: decimal(price),
  size: decimal(size),
  timeMs: START + afterMs,
});

function drafts(outcome: CandleOutcome): readonly CandleDraft[] {
  return outcome.kind === 'grown' ? outcome.drafts : [];
}

function candle(interval: CandleInterval, afterMs: number, [open, high, low, close, volume]: string[]): CandleDraft {
  const openMs = START + afterMs;
  return {
    type: 'candle',
    time: fromEpochMs(openMs + 1),
    receivedAt: RECEIVED,
    interval,
    openTime: fromEpochMs(openMs),
    closeTime: fromEpochMs(openMs + CANDLE_INTERVALS[interval]),
    open: decimal(open ?? ''),
    high: decimal(high ?? ''),
    low: decimal(low ?? ''),
    close: decimal(close ?? ''),
    volume: decimal(volume ?? ''),
    tradeCount: 2,
    closed: false,
    backfilled: false,
  };
}

describe('candles of trades', () => {
  it('grow with each trade, and the next bucket closes the one before', () => {
    const builder = new CandleBuilder('1m');
    builder.addTrade(trade('10.5', '1.50', 0), RECEIVED);
    builder.addTrade(trade('12.00', '0.25', 20_000), RECEIVED);
    expect(drafts(builder.addTrade(trade('9.75', '0.25', 59_999), RECEIVED))).toEqual([
      {
        type: 'candle',
        interval: '1m',
        time: '2026-01-02T03:04:59.999Z',
        receivedAt: RECEIVED,
        openTime: '2026-01-02T03:04:00.000Z',
        closeTime: '2026-01-02T03:05:00.000Z',
        open: '10.5',
        high: '12.00',
        low: '9.75',
        close: '9.75',
        volume: '2',
        tradeCount: 3,
        closed: false,
        backfilled: false,
      },
    ]);
    const [closed, opened] = drafts(builder.addTrade(trade('10', '1', 60_000), RECEIVED));
    expect(closed).toMatchObject({ closed: true, close: '9.75', volume: '2', time: '2026-01-02T03:05:00.000Z' });
    expect(opened).toMatchObject({ closed: false, open: '10', openTime: closed?.closeTime, tradeCount: 1 });
  });

  it('a bucket without trades has no candle', () => {
    const builder = new CandleBuilder('1s');
    builder.addTrade(trade('1', '1', 0), RECEIVED);
    const told = drafts(builder.addTrade(trade('2', '1', 7_500), RECEIVED));
    expect(told.map(({ openTime, closed }) => [toEpochMs(openTime) - START, closed])).toEqual([
      [0, true],
      [7_000, false],
    ]);
  });

  it('the clock closes a bucket at its end and not before, once', () => {
    const builder = new CandleBuilder('5s');
    expect(builder.close(START, RECEIVED)).toBeNull();
    builder.addTrade(trade('1', '1', 100), RECEIVED);
    expect(builder.close(START + 4_999, RECEIVED)).toBeNull();
    expect(builder.close(START + 5_000, RECEIVED)).toMatchObject({ closed: true, close: '1' });
    expect(builder.close(START + 5_001, RECEIVED)).toBeNull();
    expect(builder.current(RECEIVED)).toBeNull();
  });

  it('a trade of a closed candle is late, and changes nothing', () => {
    const builder = new CandleBuilder('5s');
    builder.addTrade(trade('1', '1', 0), RECEIVED);
    builder.close(START + 5_000, RECEIVED);
    expect(builder.addTrade(trade('9', '9', 4_999), RECEIVED)).toEqual({ kind: 'late' });
    builder.addTrade(trade('2', '1', 5_000), RECEIVED);
    expect(builder.addTrade(trade('9', '9', 4_999), RECEIVED)).toEqual({ kind: 'late' });
    expect(builder.addPrice(trade('9', '9', 0), RECEIVED)).toEqual({ kind: 'late' });
    expect(builder.addCandle(candle('1s', 4_000, ['9', '9', '9', '9', '9']))).toEqual({ kind: 'late' });
    expect(builder.current(RECEIVED)).toMatchObject({ open: '2', high: '2', volume: '1', tradeCount: 1 });
  });

  it('hold exactly their trades: first, extremes, last, sum, count, and never a trade twice', () => {
    const moves = fc.record({
      price: fc.integer({ min: 1, max: 2 ** 50 }).map((units) => fromUnits(units, 8)),
      size: fc.integer({ min: 1, max: 2 ** 40 }).map((units) => fromUnits(units, 5)),
      afterMs: fc.integer({ min: 0, max: 4_000 }),
    });
    const interval = fc.constantFrom<CandleInterval>('1s', '5s', '1m');
    fc.assert(
      fc.property(fc.array(moves, { minLength: 1, maxLength: 40 }), interval, (list, name) => {
        const builder = new CandleBuilder(name);
        const published = new Map<string, CandleDraft>();
        const trades: CandleTrade[] = [];
        let timeMs = START;
        for (const { price, size, afterMs } of list) {
          timeMs += afterMs;
          trades.push({ price, size, timeMs });
          for (const draft of drafts(builder.addTrade({ price, size, timeMs }, RECEIVED))) {
            published.set(draft.openTime, draft);
          }
        }
        for (const draft of published.values()) {
          const mine = trades.filter(
            (each) => each.timeMs >= toEpochMs(draft.openTime) && each.timeMs < toEpochMs(draft.closeTime),
          );
          const prices = mine.map((each) => each.price);
          expect([draft.open, draft.close]).toEqual([prices[0], prices.at(-1)]);
          expect(prices).toContain(draft.high);
          expect(prices).toContain(draft.low);
          expect(prices.every((each) => compare(each, draft.high) <= 0 && compare(each, draft.low) >= 0)).toBe(true);
          expect(compare(draft.volume, mine.map((each) => each.size).reduce(add, decimal('0')))).toBe(0);
          expect(draft.tradeCount).toBe(mine.length);
          expect(toEpochMs(draft.openTime) % CANDLE_INTERVALS[name]).toBe(0);
        }
        expect([...published.values()].reduce((sum, draft) => sum + (draft.tradeCount ?? 0), 0)).toBe(trades.length);
      }),
    );
  });
});

describe('candles of prices', () => {
  it('count the prices as volume and have no number of trades', () => {
    const builder = new CandleBuilder('1m');
    builder.addPrice({ price: decimal('1.084515'), timeMs: START }, RECEIVED);
    const [draft] = drafts(builder.addPrice({ price: decimal('1.084525'), timeMs: START + 1 }, RECEIVED));
    expect(draft).toMatchObject({ open: '1.084515', high: '1.084525', volume: '2', tradeCount: null });
  });

  it("continue from the venue's own candle, which replaces what was collected before", () => {
    const builder = new CandleBuilder('1m');
    builder.addPrice({ price: decimal('5'), timeMs: START + 30_000 }, RECEIVED);
    builder.addCandle(candle('1m', 0, ['1', '6', '0.5', '5.5', '40']));
    const [draft] = drafts(builder.addPrice({ price: decimal('7'), timeMs: START + 31_000 }, RECEIVED));
    expect(draft).toMatchObject({ open: '1', high: '7', low: '0.5', close: '7', volume: '41' });
  });
});

describe('candles of finer candles', () => {
  it('a part that is sent again as it grows is counted once', () => {
    const builder = new CandleBuilder('5s');
    builder.addCandle(candle('1s', 0, ['10', '11', '9', '10', '1.5']));
    builder.addCandle(candle('1s', 0, ['10', '12', '9', '11', '2.5']));
    builder.addCandle(candle('1s', 1_000, ['11', '11', '8', '8.5', '1']));
    const [draft] = drafts(builder.addCandle(candle('1s', 1_000, ['11', '11', '8', '9', '1.25'])));
    expect(draft).toMatchObject({ open: '10', high: '12', low: '8', close: '9', volume: '3.75', tradeCount: 4 });
  });

  it('a part that comes late, but within the open bucket, is inserted where it belongs', () => {
    const builder = new CandleBuilder('5s');
    builder.addCandle(candle('1s', 1_000, ['11', '11', '8', '9', '1']));
    builder.addCandle(candle('1s', 2_000, ['9', '9', '9', '9', '1']));
    const [draft] = drafts(builder.addCandle(candle('1s', 0, ['10', '20', '9', '11', '1'])));
    expect(draft).toMatchObject({ open: '10', high: '20', low: '8', close: '9', volume: '3' });
    const [again] = drafts(builder.addCandle(candle('1s', 1_000, ['11', '11', '7', '9', '2'])));
    expect(again).toMatchObject({ open: '10', low: '7', close: '9', volume: '4', tradeCount: 6 });
  });

  it('a closed part that ends with the bucket closes it; the same part again is late', () => {
    const builder = new CandleBuilder('5s');
    builder.addCandle(candle('1s', 3_000, ['1', '1', '1', '1', '1']));
    const last = { ...candle('1s', 4_000, ['2', '2', '2', '2', '1']), closed: true };
    expect(drafts(builder.addCandle(last))).toEqual([
      expect.objectContaining({ closed: true, open: '1', close: '2', volume: '2', time: last.time }),
    ]);
    expect(builder.addCandle(last)).toEqual({ kind: 'late' });
  });

  it('the first part of the next bucket closes the one before', () => {
    const builder = new CandleBuilder('5s');
    builder.addCandle(candle('1s', 0, ['1', '1', '1', '1', '1']));
    const told = drafts(builder.addCandle(candle('1s', 5_000, ['2', '2', '2', '2', '1'])));
    expect(told.map(({ closed, close }) => [closed, close])).toEqual([
      [true, '1'],
      [false, '2'],
    ]);
  });

  it('a closed candle has been fetched afterwards if the part that closes it has, and an open one never', () => {
    const builder = new CandleBuilder('5s');
    const part = (afterMs: number, backfilled: boolean) =>
      drafts(builder.addCandle({ ...candle('1s', afterMs, ['1', '1', '1', '1', '1']), closed: true, backfilled })).map(
        ({ closed, backfilled: was }) => [closed, was],
      );
    for (const afterMs of [0, 1_000, 2_000, 3_000]) expect(part(afterMs, true)).toEqual([[false, false]]);
    expect(builder.current(RECEIVED)?.backfilled).toBe(false);
    expect(part(4_000, true)).toEqual([[true, true]]);
    expect([5_000, 9_000].map((afterMs) => part(afterMs, afterMs === 5_000))).toEqual([
      [[false, false]],
      [[true, false]],
    ]);
  });

  it('coarser candles are refused', () => {
    expect(() => new CandleBuilder('1m').addCandle(candle('5m', 0, ['1', '1', '1', '1', '1']))).toThrow(RangeError);
  });

  it('give the same candle as the trades themselves, however often each part is sent', () => {
    const moves = fc.record({
      price: fc.integer({ min: 1, max: 999 }).map((units) => fromUnits(units, 2)),
      size: fc.integer({ min: 1, max: 999 }).map((units) => fromUnits(units, 3)),
      afterMs: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(moves, { minLength: 1, maxLength: 60 }), (list) => {
        const fine = new CandleBuilder('1s');
        const folded = new CandleBuilder('5s');
        const direct = new CandleBuilder('5s');
        const seen: [CandleDraft[], CandleDraft[]] = [[], []];
        let timeMs = START;
        for (const { price, size, afterMs } of list) {
          timeMs += afterMs;
          for (const part of drafts(fine.addTrade({ price, size, timeMs }, RECEIVED))) {
            seen[0].push(...drafts(folded.addCandle(part)));
          }
          seen[1].push(...drafts(direct.addTrade({ price, size, timeMs }, RECEIVED)));
        }
        const closed = seen.map((all) =>
          all.filter((draft) => draft.closed).map((draft) => ({ ...draft, time: null })),
        );
        expect(closed[0]).toEqual(closed[1]);
        expect(folded.current(RECEIVED)).toEqual(direct.current(RECEIVED));
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import {
  foldBars,
  fromAggregateTrade,
  fromRecentTrade,
  toCandles,
  toInstrument,
  toTick,
} from '../../../../src/brokers/binance/restMapping.ts';
import type { Bar } from '../../../../src/brokers/binance/restMapping.ts';
import { BookTicker, SymbolInfo } from '../../../../src/brokers/binance/restMessages.ts';
import { decimal } from '../../../../src/market/decimal.ts';

const receivedMs = Date.UTC(2026, 0, 2);

function bar(openMs: number, prices: readonly [string, string, string, string], volume = '1'): Bar {
  const [open, high, low, close] = prices;
  return {
    openMs,
    lastMs: openMs + 999,
    open: decimal(open),
    high: decimal(high),
    low: decimal(low),
    close: decimal(close),
    volume: decimal(volume),
    trades: 1,
  };
}

describe('restMapping', () => {
  it.each([
    ['the rule is there', '0.01000000', '0.01000000'],
    ['the rule is off', '0.00000000', null],
    ['the rule is missing', undefined, null],
  ])('gives the step of prices and sizes as the venue writes it when %s', (_name, value, expected) => {
    const filters =
      value === undefined
        ? []
        : [
            { filterType: 'LOT_SIZE', stepSize: value },
            { filterType: 'MARKET_LOT_SIZE', stepSize: '9' },
            { filterType: 'PRICE_FILTER', tickSize: value },
          ];
    const raw = { symbol: 'ABCX', status: 'TRADING', baseAsset: 'A', quoteAsset: 'BCX', filters };
    expect(toInstrument(SymbolInfo.parse(raw))).toEqual({
      symbol: 'ABCX',
      displayName: 'A/BCX',
      base: 'A',
      quote: 'BCX',
      tickSize: expected,
      lotSize: expected,
      tradable: true,
    });
  });

  it.each(['BREAK', 'HALT', 'CANCEL_ONLY', 'SOMETHING_NEW'])('takes %s for not tradable', (status) => {
    const raw = { symbol: 'AB', status, baseAsset: 'A', quoteAsset: 'B', filters: [] };
    expect(toInstrument(SymbolInfo.parse(raw)).tradable).toBe(false);
  });

  it.each([
    [true, 'sell'],
    [false, 'buy'],
  ])('names the side of the taker: buyer was the maker %s', (maker, side) => {
    const [price, size] = [decimal('1.10'), decimal('2.0')];
    const recent = fromRecentTrade({ id: 5, price, qty: size, time: 1_000, isBuyerMaker: maker }, receivedMs);
    const aggregate = fromAggregateTrade({ a: 5, p: price, q: size, T: 1_000, m: maker }, receivedMs);
    expect(recent).toEqual({
      venueId: 5,
      trade: {
        type: 'trade',
        id: '5',
        price: '1.10',
        size: '2.0',
        side,
        time: '1970-01-01T00:00:01.000Z',
        receivedAt: '2026-01-02T00:00:00.000Z',
      },
    });
    expect(aggregate).toEqual(recent);
  });

  it.each([
    ['bid', { bidPrice: '0.00000000', bidQty: '0.00000000', askPrice: '5.1', askQty: '1' }],
    ['ask', { bidPrice: '5.1', bidQty: '1', askPrice: '0.00000000', askQty: '0.00000000' }],
  ])('takes an empty %s side for no quote, not for a price of 0', (_side, raw) => {
    expect(toTick(BookTicker.parse(raw), receivedMs)).toBeNull();
  });

  it('folds bars into longer ones that begin on the multiple of their length', () => {
    const folded = foldBars(
      [
        bar(4_000, ['1', '2', '1', '2']),
        bar(5_000, ['2', '9.5', '2', '3'], '0.1'),
        bar(6_000, ['3', '10.5', '0.5', '4'], '0.2'),
        bar(9_000, ['4', '4', '4', '4.0'], '0.3'),
        bar(20_000, ['7', '7', '7', '7']),
      ],
      5_000,
    );
    expect(folded.map(({ openMs, lastMs }) => [openMs, lastMs])).toEqual([
      [0, 4_999],
      [5_000, 9_999],
      [20_000, 24_999],
    ]);
    expect(folded[1]).toMatchObject({ open: '2', high: '10.5', low: '0.5', close: '4.0', volume: '0.6', trades: 3 });
  });

  it.each([
    ['has ended before the venue was asked', 2_000, true],
    ['ends with the millisecond in which the venue was asked', 1_999, false],
    ['still grows', 1_500, false],
  ])('says of the last bar whether it is closed when it %s', (_name, venueMs, closed) => {
    const bars = [bar(0, ['1', '1', '1', '1']), bar(1_000, ['1', '2', '1', '2'])];
    const candles = toCandles(bars, '1s', { receivedMs, venueMs });
    expect(candles.map((candle) => candle.closed)).toEqual([true, closed]);
    expect(candles[1]).toMatchObject({
      openTime: '1970-01-01T00:00:01.000Z',
      closeTime: '1970-01-01T00:00:02.000Z',
      time: closed ? '1970-01-01T00:00:01.999Z' : '2026-01-02T00:00:00.000Z',
    });
  });

  it('takes a bar with a newer one behind it for closed, though our idea of the venue’s time is behind', () => {
    const bars = [bar(0, ['1', '1', '1', '1']), bar(1_000, ['1', '2', '1', '2'])];
    expect(toCandles(bars, '1s', { receivedMs, venueMs: 0 }).map(({ closed }) => closed)).toEqual([true, false]);
  });
});

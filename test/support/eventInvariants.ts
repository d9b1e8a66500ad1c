import { expect } from 'vitest';
import { parseCursor } from '../../src/market/cursor.ts';
import { isZero } from '../../src/market/decimal.ts';
import type { Decimal } from '../../src/market/decimal.ts';
import { CANDLE_INTERVALS } from '../../src/market/marketData.ts';
import type { Candle, MarketData, PriceLevel } from '../../src/market/marketData.ts';
import { parseTimestamp, toEpochMs } from '../../src/market/timestamp.ts';
import type { Timestamp } from '../../src/market/timestamp.ts';

const AMOUNT = /^\d+(\.\d+)?$/;
const DIFFERENCE = /^-?\d+(\.\d+)?$/;
/** As far as clocks may differ. */
const AHEAD_MS = 86_400_000;

type Unnumbered<Event> = Event extends unknown ? Omit<Event, 'broker' | 'symbol' | 'sequence' | 'cursor'> : never;

/** Fails for an event with a number, time or word that no market has. `nowMs` is the time of its receipt. */
export function expectSane(event: Unnumbered<MarketData>, nowMs: number): void {
  for (const time of [event.time, event.receivedAt]) expectTime(time, nowMs);
  switch (event.type) {
    case 'tick':
      expectPrices(event.bid, event.ask, event.mid);
      expectAmounts(event.bidSize ?? '0', event.askSize ?? '0');
      expect(event.spread).toMatch(DIFFERENCE);
      break;
    case 'trade':
      expectPrices(event.price);
      expectAmounts(event.size);
      expect(['buy', 'sell']).toContain(event.side);
      expect(event.tradeId).toMatch(/^\d+$/);
      expect(Number.isSafeInteger(Number(event.tradeId)), event.tradeId).toBe(true);
      break;
    case 'candle':
      expectCandle(event, nowMs);
      break;
    case 'orderbook':
      expect(['snapshot', 'delta']).toContain(event.kind);
      expectLevels(event.bids);
      expectLevels(event.asks);
      break;
    case 'status':
      expect(['live', 'stale', 'recovering', 'closed']).toContain(event.state);
      break;
  }
}

/** The same for what has its place in a stream: its number follows `before`, and its cursor can be read. */
export function expectNumbered(event: MarketData, before: number | undefined): void {
  expect(event.sequence).toBe(before === undefined ? event.sequence : before + 1);
  expect(parseCursor(event.cursor)?.sequence).toBe(event.sequence);
}

function expectCandle(candle: Unnumbered<Candle>, nowMs: number): void {
  const { open, high, low, close, volume, tradeCount, interval } = candle;
  expectPrices(open, high, low, close);
  expectAmounts(volume);
  expect(Object.keys(CANDLE_INTERVALS)).toContain(interval);
  expectTime(candle.openTime, nowMs);
  const lengthMs = toEpochMs(candle.closeTime) - toEpochMs(candle.openTime);
  expect(lengthMs).toBeGreaterThan(0);
  expect(lengthMs).toBeLessThanOrEqual(CANDLE_INTERVALS[interval]);
  for (const price of [open, close]) {
    expect(Number(price)).toBeLessThanOrEqual(Number(high));
    expect(Number(price)).toBeGreaterThanOrEqual(Number(low));
  }
  expect(tradeCount === null || (Number.isSafeInteger(tradeCount) && tradeCount >= 0), String(tradeCount)).toBe(true);
}

function expectLevels(levels: readonly PriceLevel[]): void {
  for (const { price, size } of levels) {
    expectPrices(price);
    expectAmounts(size);
  }
}

function expectPrices(...prices: readonly Decimal[]): void {
  expectAmounts(...prices);
  for (const price of prices) expect(isZero(price), `a price of ${price}`).toBe(false);
}

function expectAmounts(...amounts: readonly string[]): void {
  for (const amount of amounts) expect(amount).toMatch(AMOUNT);
}

function expectTime(time: Timestamp, nowMs: number): void {
  expect(parseTimestamp(time)).toBe(time);
  expect(toEpochMs(time)).toBeLessThanOrEqual(nowMs + AHEAD_MS);
}

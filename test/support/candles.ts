import { decimal } from '../../src/market/decimal.ts';
import type { CandleDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';

const START = Date.UTC(2026, 0, 2, 3, 0);
const MINUTE_MS = 60_000;

/** Returns this many closed candles of a minute, one after the other. */
export function closedCandles(count: number): CandleDraft[] {
  return Array.from({ length: count }, (_, n) => ({
    type: 'candle',
    time: fromEpochMs(START + n * MINUTE_MS),
    receivedAt: fromEpochMs(START + (n + 1) * MINUTE_MS),
    interval: '1m',
    openTime: fromEpochMs(START + n * MINUTE_MS),
    closeTime: fromEpochMs(START + (n + 1) * MINUTE_MS),
    open: decimal('100.10'),
    high: decimal('100.20'),
    low: decimal('100.00'),
    close: decimal('100.15'),
    volume: decimal('12.5'),
    tradeCount: 7,
    closed: true,
    backfilled: false,
  }));
}

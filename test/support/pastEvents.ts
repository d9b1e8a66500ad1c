import { decimal } from '../../src/market/decimal.ts';
import { CANDLE_INTERVALS } from '../../src/market/marketData.ts';
import type { CandleDraft, CandleInterval, TradeDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';

/** A trade as an adapter makes it. */
export function tradeDraft(trade: {
  readonly id: number;
  readonly timeMs: number;
  readonly backfilled?: boolean;
}): TradeDraft {
  const time = fromEpochMs(trade.timeMs);
  return {
    type: 'trade',
    time,
    receivedAt: time,
    tradeId: String(trade.id),
    price: decimal('1.5'),
    size: decimal('2'),
    side: 'buy',
    backfilled: trade.backfilled ?? false,
  };
}

/** A candle as an adapter makes it. */
export function candleDraft(candle: {
  readonly openMs: number;
  readonly interval?: CandleInterval;
  readonly closed?: boolean;
  readonly backfilled?: boolean;
}): CandleDraft {
  const { openMs, interval = '1m', closed = true, backfilled = false } = candle;
  const price = decimal('1.5');
  const time = fromEpochMs(openMs + CANDLE_INTERVALS[interval] - 1);
  return {
    type: 'candle',
    interval,
    time,
    receivedAt: time,
    openTime: fromEpochMs(openMs),
    closeTime: fromEpochMs(openMs + CANDLE_INTERVALS[interval]),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: decimal('3'),
    tradeCount: 1,
    closed,
    backfilled,
  };
}

import { add, compare } from './decimal.ts';
import type { Decimal } from './decimal.ts';

/** What a candle says of its span, whatever the span is. */
export interface CandleBar {
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly tradeCount: number | null;
}

/** The bar of two neighbouring spans; its count is unknown where one of theirs is. */
export function joinBars(earlier: CandleBar, later: CandleBar): CandleBar {
  return {
    open: earlier.open,
    high: compare(later.high, earlier.high) > 0 ? later.high : earlier.high,
    low: compare(later.low, earlier.low) < 0 ? later.low : earlier.low,
    close: later.close,
    volume: add(earlier.volume, later.volume),
    tradeCount: earlier.tradeCount === null || later.tradeCount === null ? null : earlier.tradeCount + later.tradeCount,
  };
}

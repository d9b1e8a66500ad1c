import { decimal } from '../../src/market/decimal.ts';
import type { TradeDraft } from '../../src/market/marketData.ts';
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

import { fromUnits, midpoint, subtract } from '../../market/decimal.ts';
import type { BookUpdateKind, OrderBookDraft, PriceLevel, TickDraft, TradeDraft } from '../../market/marketData.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { LadderLevel } from './BookLadder.ts';
import type { MarketSpec } from './marketSpec.ts';
import type { MarketQuote, MarketTrade } from './MockMarket.ts';

export function toTick(spec: MarketSpec, { bid, ask, last }: MarketQuote, time: Timestamp): TickDraft {
  const best = toLevel(spec, bid);
  const offered = toLevel(spec, ask);
  return {
    type: 'tick',
    time,
    receivedAt: time,
    bid: best.price,
    bidSize: best.size,
    ask: offered.price,
    askSize: offered.size,
    last: last === null ? null : fromUnits(last, spec.priceDecimals),
    mid: midpoint(best.price, offered.price),
    spread: subtract(offered.price, best.price),
  };
}

export function toTrade(spec: MarketSpec, { id, price, size, side }: MarketTrade, time: Timestamp): TradeDraft {
  return { type: 'trade', time, receivedAt: time, id: String(id), ...toLevel(spec, { price, size }), side };
}

/** What of a book is told: all of it, or what has changed. */
export interface BookPart {
  readonly kind: BookUpdateKind;
  readonly bids: readonly LadderLevel[];
  readonly asks: readonly LadderLevel[];
}

export function toBook(spec: MarketSpec, { kind, bids, asks }: BookPart, time: Timestamp): OrderBookDraft {
  const levels = (side: readonly LadderLevel[]): readonly PriceLevel[] => side.map((level) => toLevel(spec, level));
  return { type: 'orderbook', time, receivedAt: time, kind, bids: levels(bids), asks: levels(asks) };
}

export function toLevel({ priceDecimals, sizeDecimals }: MarketSpec, { price, size }: LadderLevel): PriceLevel {
  return { price: fromUnits(price, priceDecimals), size: fromUnits(size, sizeDecimals) };
}

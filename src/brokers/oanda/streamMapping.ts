import { compare, fractionDigits, fromUnits, midpoint, subtract, toUnits } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { OrderBookDraft, PriceLevel, TickDraft } from '../../market/marketData.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { VenueLevel, VenuePrice } from './streamMessages.ts';

/** Null if a side has no quote. */
export function toOandaTick({ time, bids, asks }: VenuePrice, receivedAt: Timestamp): TickDraft | null {
  const [bid] = bids;
  const [ask] = asks;
  if (bid === undefined || ask === undefined) return null;
  return {
    type: 'tick',
    time: time.text,
    receivedAt,
    bid: bid.price,
    bidSize: bid.size,
    ask: ask.price,
    askSize: ask.size,
    last: null,
    mid: midpoint(bid.price, ask.price),
    spread: subtract(ask.price, bid.price),
  };
}

/**
 * All levels that this account is quoted; a snapshot each time. Null if the venue leaves out the size of a level: a book
 * without that level would be another one.
 */
export function toBook(
  { time, bids: allBids, asks: allAsks }: VenuePrice,
  receivedAt: Timestamp,
): OrderBookDraft | null {
  const bids = allBids.filter(hasSize);
  const asks = allAsks.filter(hasSize);
  if (bids.length < allBids.length || asks.length < allAsks.length) return null;
  return { type: 'orderbook', kind: 'snapshot', time: time.text, receivedAt, bids, asks };
}

function hasSize(level: VenueLevel): level is PriceLevel {
  return level.size !== null;
}

/** Why there is no quote of this type at all, in words for a client; null if there is one. */
export function missingQuote({ instrument, bids, asks }: VenuePrice, type: 'tick' | 'orderbook'): string | null {
  if (type === 'orderbook') {
    return [...bids, ...asks].every(hasSize) ? null : `The venue states no sizes of ${instrument} just now.`;
  }
  if (bids.length > 0 && asks.length > 0) return null;
  const side = bids.length > 0 ? 'ask' : asks.length > 0 ? 'bid' : 'price';
  return `The venue quotes no ${side} of ${instrument} just now.`;
}

/** The best bid meets or passes the best ask: such quotes are no book. */
export function isCrossed({ bids, asks }: VenuePrice): boolean {
  const [bid] = bids;
  const [ask] = asks;
  return bid !== undefined && ask !== undefined && compare(bid.price, ask.price) >= 0;
}

/**
 * The price that candles are made of: halfway between best bid and best ask, rounded half up to `places` decimal
 * places, as in the venue's own candles of mid prices. Null if a side has no quote.
 */
export function toMid({ bids, asks }: VenuePrice, places: number): Decimal | null {
  const [bid] = bids;
  const [ask] = asks;
  if (bid === undefined || ask === undefined) return null;
  const exact = midpoint(bid.price, ask.price);
  if (fractionDigits(exact) === places) return exact;
  const tenths = toUnits(exact, places + 1);
  const units = Math.floor((tenths + 5) / 10);
  return Number.isSafeInteger(tenths) ? fromUnits(units, places) : exact;
}

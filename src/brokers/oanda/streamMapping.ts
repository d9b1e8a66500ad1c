import { compare, fractionDigits, fromUnits, midpoint, subtract, toUnits } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { OrderBookDraft, TickDraft } from '../../market/marketData.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { VenuePrice } from './streamMessages.ts';

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

/** All levels that this account is quoted; a snapshot each time. */
export function toBook({ time, bids, asks }: VenuePrice, receivedAt: Timestamp): OrderBookDraft {
  return { type: 'orderbook', kind: 'snapshot', time: time.text, receivedAt, bids, asks };
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

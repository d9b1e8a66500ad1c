import { isZero, midpoint, subtract } from '../../market/decimal.ts';
import type {
  CandleDraft,
  CandleInterval,
  OrderBookDraft,
  PriceLevel,
  TickDraft,
  TradeDraft,
} from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { CandleMessage, DepthMessage, TickMessage, TradeMessage } from './streamMessages.ts';

/** Null where a side has no quote, which the venue writes as a price of zero. The venue gives no time: it is ours. */
export function toTick(message: TickMessage, receivedAt: Timestamp): TickDraft | null {
  const { bid, bidSize, ask, askSize } = message;
  if (isZero(bid) || isZero(ask)) return null;
  return {
    type: 'tick',
    time: receivedAt,
    receivedAt,
    bid,
    bidSize,
    ask,
    askSize,
    last: null,
    mid: midpoint(bid, ask),
    spread: subtract(ask, bid),
  };
}

export function toTrade(message: TradeMessage, receivedAt: Timestamp): TradeDraft {
  return {
    type: 'trade',
    time: fromEpochMs(message.tradedAt),
    receivedAt,
    id: wholeText(message.venueId),
    price: message.price,
    size: message.size,
    // The buyer was the maker, so the taker sold.
    side: message.buyerIsMaker ? 'sell' : 'buy',
  };
}

export function toCandle(message: CandleMessage, interval: CandleInterval, receivedAt: Timestamp): CandleDraft {
  const { open, high, low, close, volume, tradeCount, closed } = message;
  return {
    type: 'candle',
    time: fromEpochMs(message.sentAt),
    receivedAt,
    interval,
    openTime: fromEpochMs(message.openAt),
    closeTime: fromEpochMs(message.lastAt + 1),
    open,
    high,
    low,
    close,
    volume,
    tradeCount,
    closed,
  };
}

export function toBookDelta(message: DepthMessage, receivedAt: Timestamp): OrderBookDraft {
  return {
    type: 'orderbook',
    kind: 'delta',
    time: fromEpochMs(message.sentAt),
    receivedAt,
    bids: message.bids,
    asks: message.asks,
  };
}

/** The venue gives a snapshot no time: it is that of its receipt. */
export function toBookSnapshot(
  book: { readonly bids: readonly PriceLevel[]; readonly asks: readonly PriceLevel[] },
  receivedAt: Timestamp,
): OrderBookDraft {
  return { type: 'orderbook', kind: 'snapshot', time: receivedAt, receivedAt, bids: book.bids, asks: book.asks };
}

/** `000` to `999`. */
const THREE_DIGITS: readonly string[] = Array.from({ length: 1000 }, (_, units) => String(units).padStart(3, '0'));
let lastThousand = { value: 0, text: '' };

/** The text of a whole number. Ids count up: all but their last digits are mostly those of the one before. */
function wholeText(value: number): string {
  const thousand = Math.floor(value / 1000);
  if (thousand === 0) return String(value);
  if (thousand !== lastThousand.value) lastThousand = { value: thousand, text: String(thousand) };
  return `${lastThousand.text}${THREE_DIGITS[value - thousand * 1000] ?? ''}`;
}

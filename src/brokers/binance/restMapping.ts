import { add, compare, isZero, midpoint, subtract } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { Instrument } from '../../market/instrument.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval, PriceLevel, TickDraft, TradeDraft } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { AggregateTrade, BookTicker, Depth, KlineRow, RecentTrade, SymbolInfo } from './restMessages.ts';

/** The venue's whole book, or as many of its best levels as were asked for, as of `lastUpdateId`. */
export interface DepthSnapshot {
  readonly lastUpdateId: number;
  /** Best first. */
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

export interface HistoricTrade {
  /** The trade's id, or the aggregate's: rises with time, by one. */
  readonly venueId: number;
  readonly trade: TradeDraft;
}

/** A candle before it is known whether it still grows. */
export interface Bar {
  readonly openMs: number;
  /** The last millisecond of it. */
  readonly lastMs: number;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly trades: number;
}

export function toInstrument({ symbol, status, baseAsset, quoteAsset, filters }: SymbolInfo): Instrument {
  const filter = (type: string): SymbolInfo['filters'][number] | undefined =>
    filters.find(({ filterType }) => filterType === type);
  return {
    symbol,
    displayName: `${baseAsset}/${quoteAsset}`,
    base: baseAsset,
    quote: quoteAsset,
    tickSize: step(filter('PRICE_FILTER')?.tickSize),
    lotSize: step(filter('LOT_SIZE')?.stepSize),
    tradable: status === 'TRADING',
  };
}

/** A step of 0 means that the rule is off. */
function step(value: Decimal | undefined): Decimal | null {
  return value === undefined || isZero(value) ? null : value;
}

export function toDepthSnapshot({ lastUpdateId, bids, asks }: Depth): DepthSnapshot {
  return { lastUpdateId, bids: bids.map(toLevel), asks: asks.map(toLevel) };
}

function toLevel([price, size]: Depth['bids'][number]): PriceLevel {
  return { price, size };
}

export function fromRecentTrade(raw: RecentTrade, receivedMs: number): HistoricTrade {
  return historic(raw.id, {
    type: 'trade',
    time: fromEpochMs(raw.time),
    receivedAt: fromEpochMs(receivedMs),
    id: String(raw.id),
    price: raw.price,
    size: raw.qty,
    side: raw.isBuyerMaker ? 'sell' : 'buy', // the buyer was the maker, so the taker sold
  });
}

export function fromAggregateTrade(raw: AggregateTrade, receivedMs: number): HistoricTrade {
  return historic(raw.a, {
    type: 'trade',
    time: fromEpochMs(raw.T),
    receivedAt: fromEpochMs(receivedMs),
    id: String(raw.a),
    price: raw.p,
    size: raw.q,
    side: raw.m ? 'sell' : 'buy',
  });
}

function historic(venueId: number, trade: TradeDraft): HistoricTrade {
  return { venueId, trade };
}

/** Null where a side has no orders. The venue gives no time: it is that of the receipt. */
export function toTick({ bidPrice, bidQty, askPrice, askQty }: BookTicker, receivedMs: number): TickDraft | null {
  if (isZero(bidPrice) || isZero(askPrice)) return null;
  const receivedAt = fromEpochMs(receivedMs);
  return {
    type: 'tick',
    time: receivedAt,
    receivedAt,
    bid: bidPrice,
    bidSize: bidQty,
    ask: askPrice,
    askSize: askQty,
    last: null,
    mid: midpoint(bidPrice, askPrice),
    spread: subtract(askPrice, bidPrice),
  };
}

export function toBar([openMs, open, high, low, close, volume, lastMs, , trades]: KlineRow): Bar {
  return { openMs, lastMs, open, high, low, close, volume, trades };
}

/** Joins bars, oldest first, into longer ones aligned to the epoch. One that lacks some of its parts is made of the others. */
export function foldBars(bars: readonly Bar[], lengthMs: number): readonly Bar[] {
  const folded: Bar[] = [];
  for (const bar of bars) {
    const openMs = bar.openMs - (bar.openMs % lengthMs);
    const last = folded.at(-1);
    if (last?.openMs === openMs) folded[folded.length - 1] = joined(last, bar);
    else folded.push({ ...bar, openMs, lastMs: openMs + lengthMs - 1 });
  }
  return folded;
}

function joined(bar: Bar, next: Bar): Bar {
  return {
    ...bar,
    high: compare(next.high, bar.high) > 0 ? next.high : bar.high,
    low: compare(next.low, bar.low) < 0 ? next.low : bar.low,
    close: next.close,
    volume: add(bar.volume, next.volume),
    trades: bar.trades + next.trades,
  };
}

export interface CandleMoment {
  readonly receivedMs: number;
  /** The venue's clock, no later than when it was asked for the bars. */
  readonly venueMs: number;
}

/**
 * Bars, oldest first and up to the venue's newest or some earlier end, as candles. A bar is closed when a newer one is there,
 * or when it had ended before the venue was asked.
 */
export function toCandles(
  bars: readonly Bar[],
  interval: CandleInterval,
  moment: CandleMoment,
): readonly CandleDraft[] {
  const receivedAt = fromEpochMs(moment.receivedMs);
  return bars.map((bar, index) => {
    const closed = index < bars.length - 1 || bar.lastMs < moment.venueMs;
    return {
      type: 'candle',
      time: closed ? fromEpochMs(bar.lastMs) : receivedAt,
      receivedAt,
      interval,
      openTime: fromEpochMs(bar.openMs),
      closeTime: fromEpochMs(bar.openMs + CANDLE_INTERVALS[interval]),
      open: bar.open,
      high: bar.high,
      low: bar.low,
      close: bar.close,
      volume: bar.volume,
      tradeCount: bar.trades,
      closed,
    };
  });
}

import { z } from 'zod';
import { isDecimal, add, compare, isZero, midpoint, subtract } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { Instrument } from '../../market/instrument.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval, PriceLevel, TickDraft, TradeDraft } from '../../market/marketData.ts';
import { fromEpochMicros, fromEpochMs } from '../../market/timestamp.ts';
import { isRange, lastMsOf, toVenueMs } from './streamMessages.ts';

/**
 * The REST host sends these replies. Unknown members are ignored everywhere, and members that are not used are not checked:
 * the venue adds and drops them without notice.
 */

/** Prices and sizes of spot are never negative. */
const amount = z.custom<Decimal>(
  (value) => typeof value === 'string' && !value.startsWith('-') && isDecimal(value),
  'not a decimal amount',
);

/** Nothing is traded, wanted or offered for nothing. */
const price = amount.refine((value) => !isZero(value), 'a price of zero');

const id = z.int().nonnegative();
const epochMs = z.int().min(0).transform(toVenueMs);
const lastInstant = z.int().min(0).transform(lastMsOf);

/**
 * An error in the venue's own words; the text varies, the code does not. Several codes are about any parameter, which
 * the text alone names: `Illegal characters found in parameter 'startTime'; legal range is '^[0-9]{1,20}$'.`
 * https://developers.binance.com/docs/binance-spot-api-docs/errors
 *
 *     {"code":-1121,"msg":"Invalid symbol."}
 */
export const BinanceErrorBody = z.object({ code: z.int(), msg: z.string().catch('') });

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints#check-server-time
 *
 *     {"serverTime":1499827319559}
 */
export const ServerTime = z.object({ serverTime: epochMs });

/**
 * The listing. Each entry of `symbols` and of `rateLimits` is parsed by itself, so that an invalid one affects no
 * other.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints#exchange-information
 *
 *     {"timezone":"UTC","serverTime":1618677408299,"rateLimits":[…],"exchangeFilters":[],"symbols":[…]}
 */
export const ExchangeInfo = z.object({ rateLimits: z.array(z.unknown()).default([]), symbols: z.array(z.unknown()) });

/**
 * The entry of `rateLimits` that says how much weight requests may have.
 *
 *     {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}
 */
export const WeightLimit = z.object({
  rateLimitType: z.literal('REQUEST_WEIGHT'),
  interval: z.literal('MINUTE'),
  intervalNum: z.int().positive(),
  limit: z.int().positive(),
});

/** One that can't be read is as good as none: its step is not known, and the symbol is served all the same. */
const Filter = z
  .object({ filterType: z.string(), tickSize: amount.optional(), stepSize: amount.optional() })
  .catch({ filterType: '' });

/**
 * One symbol of the listing; most members are left out here. `status` gets new values from time to time (CANCEL_ONLY in
 * 2026); filters come in any order, each may be missing, and are distinguished by `filterType`.
 * https://developers.binance.com/docs/binance-spot-api-docs/filters
 *
 *     {"symbol":"BTCUSD","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USD","filters":[
 *       {"filterType":"PRICE_FILTER","minPrice":"0.0100","maxPrice":"100000.0000","tickSize":"0.0100"},
 *       {"filterType":"LOT_SIZE","minQty":"0.00000100","maxQty":"9000.00000000","stepSize":"0.00000100"}],
 *      "permissions":["SPOT"]}
 */
export const SymbolInfo = z.object({
  symbol: z.string().min(1),
  status: z.string(),
  baseAsset: z.string().min(1).nullable().catch(null),
  quoteAsset: z.string().min(1).nullable().catch(null),
  filters: z.array(Filter).catch([]),
});
export type SymbolInfo = z.infer<typeof SymbolInfo>;
/** An entry that can't be read otherwise is read for this alone. */
export const ListedName = z.object({ symbol: z.string().min(1).max(64) });

/** Price and quantity; very old payloads have a third element. */
const Level = z.tuple([price, amount]).rest(z.unknown());

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
 *
 *     {"lastUpdateId":14527958487,"bids":[["60650.00000000","0.00213000"],["60648.08000000","0.06346000"]],
 *      "asks":[["60650.01000000","0.61982000"]]}
 */
export const Depth = z.object({ lastUpdateId: id, bids: z.array(Level), asks: z.array(Level) });
export type Depth = z.infer<typeof Depth>;

/**
 * One row of /api/v3/trades.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#recent-trades-list
 *
 *     {"id":1111468873,"price":"60650.00000000","qty":"0.02924000","quoteQty":"1773.40600000","time":1634942949263,
 *      "isBuyerMaker":true,"isBestMatch":true}
 */
const RecentTrade = z.object({ id, price, qty: amount, time: epochMs, isBuyerMaker: z.boolean() });
/** The reply of /api/v3/trades, oldest first. */
export const RecentTrades = z.array(RecentTrade);
export type RecentTrade = z.infer<typeof RecentTrade>;

/**
 * One row of /api/v3/aggTrades: the fills of one taker order at one price.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#compressedaggregate-trades-list
 *
 *     {"a":202790190,"p":"7139.89000000","q":"0.06702300","f":222825297,"l":222825297,"T":1577977823305,"m":false,"M":true}
 */
const AggregateTrade = z.object({ a: id, p: price, q: amount, T: epochMs, m: z.boolean() });
/** The reply of /api/v3/aggTrades, oldest first. */
export const AggregateTrades = z.array(AggregateTrade);
export type AggregateTrade = z.infer<typeof AggregateTrade>;

/**
 * One row of /api/v3/klines: open time, open, high, low, close, base volume, close time, quote volume, number of
 * trades, and what is not used. Nothing marks a bar that is still in progress.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
 *
 *     [1588740120000,"9033.34000000","9039.99000000","9032.75000000","9033.15000000","31.19296800",1588740179999,
 *      "281893.08800082",282,"6.35810300","57447.26912415","0"]
 */
const KlineRow = z
  .tuple([epochMs, price, price, price, price, amount, lastInstant, z.unknown(), z.int().nonnegative()])
  .rest(z.unknown())
  .refine(([openMs, open, high, low, close, , lastMs]) => openMs <= lastMs && isRange({ open, high, low, close }), {
    error: 'a bar that can not be',
  });
/** The reply of /api/v3/klines, oldest first. */
export const KlineRows = z.array(KlineRow);
export type KlineRow = z.infer<typeof KlineRow>;

/** The same reply to a question for bars of this interval, none of which can be longer. A halt may cut one short. */
export function klineRowsOf(interval: CandleInterval): typeof KlineRows {
  const lengthMs = CANDLE_INTERVALS[interval];
  const error = 'bars of another interval';
  return KlineRows.refine((rows) => rows.every(([openMs, , , , , , lastMs]) => lastMs < openMs + lengthMs), { error });
}

/**
 * One symbol's best bid and ask; a side without orders has the price 0. No time, no update id.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#symbol-order-book-ticker
 *
 *     {"symbol":"BTCUSDT","bidPrice":"60741.67000000","bidQty":"0.36580000","askPrice":"60741.68000000",
 *      "askQty":"0.45178000"}
 */
export const BookTicker = z.object({ bidPrice: amount, bidQty: amount, askPrice: amount, askQty: amount });
export type BookTicker = z.infer<typeof BookTicker>;

/** The venue's whole book, or as many of its best levels as were asked for, up to the update `lastUpdateId`. */
export interface DepthSnapshot {
  readonly lastUpdateId: number;
  /** Best first. */
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/** A trade of the venue's history. */
export interface HistoricTrade {
  /** The trade's id, or the aggregate's: rises with time, by one. */
  readonly venueId: number;
  readonly trade: TradeDraft;
}

/** A candle of which it is not known yet whether it is complete. */
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

/** The instrument that an entry of the listing describes. */
export function toBinanceInstrument({ symbol, status, baseAsset, quoteAsset, filters }: SymbolInfo): Instrument {
  const filter = (type: string): SymbolInfo['filters'][number] | undefined =>
    filters.find(({ filterType }) => filterType === type);
  return {
    symbol,
    displayName: baseAsset === null || quoteAsset === null ? symbol : `${baseAsset}/${quoteAsset}`,
    base: baseAsset,
    quote: quoteAsset,
    tickSize: step(filter('PRICE_FILTER')?.tickSize),
    lotSize: step(filter('LOT_SIZE')?.stepSize),
    tradable: status === 'TRADING',
  };
}

/** A step of 0 means that there is no such rule. */
function step(value: Decimal | undefined): Decimal | null {
  return value === undefined || isZero(value) ? null : value;
}

/** The snapshot of a book, with levels as the domain has them. */
export function toDepthSnapshot({ lastUpdateId, bids, asks }: Depth): DepthSnapshot {
  return { lastUpdateId, bids: bids.map(toLevel), asks: asks.map(toLevel) };
}

function toLevel([at, size]: Depth['bids'][number]): PriceLevel {
  return { price: at, size };
}

/** A row of /api/v3/trades as a trade. */
export function fromRecentTrade(raw: RecentTrade, receivedMs: number): HistoricTrade {
  return historic(raw.id, {
    type: 'trade',
    time: fromEpochMicros(raw.time),
    receivedAt: fromEpochMs(receivedMs),
    tradeId: String(raw.id),
    price: raw.price,
    size: raw.qty,
    side: raw.isBuyerMaker ? 'sell' : 'buy', // the buyer was the maker, so the taker sold
    backfilled: true,
  });
}

/** A row of /api/v3/aggTrades as a trade. */
export function fromAggregateTrade(raw: AggregateTrade, receivedMs: number): HistoricTrade {
  return historic(raw.a, {
    type: 'trade',
    time: fromEpochMicros(raw.T),
    receivedAt: fromEpochMs(receivedMs),
    tradeId: String(raw.a),
    price: raw.p,
    size: raw.q,
    side: raw.m ? 'sell' : 'buy',
    backfilled: true,
  });
}

function historic(venueId: number, trade: TradeDraft): HistoricTrade {
  return { venueId, trade };
}

/** Null if a side has no orders. The venue gives no time, so it is the time of receipt. */
export function fromBookTicker(
  { bidPrice, bidQty, askPrice, askQty }: BookTicker,
  receivedMs: number,
): TickDraft | null {
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

/** A row of /api/v3/klines as a bar. */
export function toBar([openMs, open, high, low, close, volume, lastMs, , trades]: KlineRow): Bar {
  return { openMs, lastMs, open, high, low, close, volume, trades };
}

/**
 * Joins bars, oldest first, into longer ones aligned to the epoch. One that lacks some of its parts is made of the
 * others.
 */
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

/** When bars were received, by our clock and by that of the venue. */
export interface ReplyMoment {
  readonly receivedMs: number;
  /** The venue's clock, no later than when it was asked for the bars. */
  readonly venueMs: number;
}

/**
 * Bars, oldest first and up to the venue's newest or some earlier end, as candles. A bar is closed when a newer one is
 * there, or when it had ended before the venue was asked.
 */
export function toCandles(bars: readonly Bar[], interval: CandleInterval, moment: ReplyMoment): readonly CandleDraft[] {
  const receivedAt = fromEpochMs(moment.receivedMs);
  return bars.map((bar, index) => {
    const closed = index < bars.length - 1 || bar.lastMs < moment.venueMs;
    return {
      type: 'candle',
      time: closed ? fromEpochMs(bar.lastMs) : receivedAt,
      receivedAt,
      interval,
      openTime: fromEpochMs(bar.openMs),
      // A halt may cut a bar short.
      closeTime: fromEpochMs(bar.lastMs + 1),
      open: bar.open,
      high: bar.high,
      low: bar.low,
      close: bar.close,
      volume: bar.volume,
      tradeCount: bar.trades,
      closed,
      backfilled: true,
    };
  });
}

import type { DiffRange } from './DepthSequencer.ts';
import { compare, isDecimal, isZero, midpoint, subtract } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type {
  CandleDraft,
  CandleInterval,
  OrderBookDraft,
  PriceLevel,
  TickDraft,
  TradeDraft,
} from '../../market/marketData.ts';
import { fromEpochMicros, fromEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { isRecord, parseJson } from '../../transport/json.ts';

// The stream servers send these messages: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
// Checked by hand, for speed: there are hundreds of thousands of them a second. Members that are not read may be
// missing, and others may appear: both happened. Every parser returns undefined for malformed input, and never throws.

/** A valid frame of a combined connection. */
export type StreamFrame =
  | { readonly kind: 'data'; readonly stream: string; readonly data: unknown }
  | { readonly kind: 'reply'; readonly id: number | null; readonly errorCode: number | null }
  /** This server goes down shortly. */
  | { readonly kind: 'shutdown' };

/** Best bid and ask. */
export interface TickMessage {
  readonly updateId: number;
  readonly bid: Decimal;
  readonly bidSize: Decimal;
  readonly ask: Decimal;
  readonly askSize: Decimal;
}

/** One execution, or all of one taker's order at one price. */
export interface TradeMessage {
  readonly venueId: number;
  readonly price: Decimal;
  readonly size: Decimal;
  /** Milliseconds since the epoch, as all times here, with a fraction if the venue counts in microseconds. */
  readonly tradedAt: number;
  readonly sentAt: number;
  readonly buyerIsMaker: boolean;
}

/** The present state of a candle. */
export interface CandleMessage {
  readonly sentAt: number;
  readonly openAt: number;
  /** The last millisecond that belongs to the candle. */
  readonly lastAt: number;
  readonly interval: string;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly tradeCount: number;
  readonly closed: boolean;
}

/** Changes of a book, with the range of updates that they hold. */
export interface DepthMessage extends DiffRange {
  readonly sentAt: number;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/**
 * The venue counts in milliseconds, or in microseconds if somebody on the way has asked it to: the magnitude tells, for
 * this is past the year 5100 as milliseconds, and in 1973 as microseconds.
 */
const FIRST_MICROS = 100_000_000_000_000;

/** The venue's time as milliseconds since the epoch, with a fraction if it has microseconds. */
export function toVenueMs(time: number): number {
  return time < FIRST_MICROS ? time : time / 1000;
}

/** The last millisecond before the instant that follows this one in the venue's unit: the venue gives the last instant. */
export function lastMsOf(lastTime: number): number {
  return lastTime < FIRST_MICROS ? lastTime : toVenueMs(lastTime + 1 - 1000);
}

/** Stands for the code of an error without one; the venue does not use it. */
const UNKNOWN_CODE = -1;

/**
 * A frame of a combined connection: wrapped data, an answer to a control frame (never wrapped), or the announcement of
 * a shutdown, wrapped or not.
 *
 * `{"stream":"btcusdt@trade","data":{…}}`, `{"result":null,"id":2}`,
 * ``{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":null}`` (the documentation prints errors
 * flat, and of code 3 there is no `id`),
 * `{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}`.
 */
export function parseFrame(text: string): StreamFrame | undefined {
  const trade = TRADE_FRAME.exec(text);
  if (trade !== null) return tradeFrame(trade);
  const frame = parseJson(text);
  if (!isRecord(frame)) return undefined;
  const { stream } = frame;
  if (typeof stream === 'string') {
    if (stream.startsWith('!')) return stream.toLowerCase() === '!servershutdown' ? { kind: 'shutdown' } : undefined;
    return { kind: 'data', stream, data: frame['data'] };
  }
  if (frame['e'] === 'serverShutdown') return { kind: 'shutdown' };
  return parseReply(frame);
}

/**
 * A trade in the venue's present layout. In a busy minute there are more trades than anything else, and this reads them
 * in half the time that JSON.parse takes. Text of any other layout is parsed as JSON.
 */
const TRADE_FRAME =
  /^\{"stream":"([\w@.-]+)","data":\{"e":"trade","E":([1-9]\d{0,14}),"s":"[\w.-]+","t":([1-9]\d{0,14}),"p":"([\d.]+)","q":"([\d.]+)","T":([1-9]\d{0,14}),"m":(true|false),"M":(?:true|false)\}\}$/;

function tradeFrame([, stream = '', E = '', t = '', p, q, T = '', m]: readonly string[]): StreamFrame {
  return { kind: 'data', stream, data: { e: 'trade', E: whole(E), t: whole(t), p, q, T: whole(T), m: m === 'true' } };
}

/** The number that a text of digits stands for, at a third of the cost of `Number`. */
function whole(digits: string): number {
  let value = 0;
  for (let index = 0; index < digits.length; index += 1) value = value * 10 + (digits.charCodeAt(index) - ZERO);
  return value;
}

/**
 * Best bid and ask. It has neither type nor time.
 * Page: "Individual Symbol Book Ticker Streams".
 *
 * `{"u":5118292,"s":"BTCUSDT","b":"105024.19000000","B":"0.00296000","a":"105024.20000000","A":"0.00434000"}`
 */
export function parseTick(data: unknown): TickMessage | undefined {
  if (!isRecord(data) || !isCount(data['u'])) return undefined;
  const bid = amount(data['b']);
  const bidSize = amount(data['B']);
  const ask = amount(data['a']);
  const askSize = amount(data['A']);
  if (bid === undefined || bidSize === undefined || ask === undefined || askSize === undefined) return undefined;
  return { updateId: data['u'], bid, bidSize, ask, askSize };
}

/**
 * One execution. The order ids `b` and `a` were dropped in June 2024.
 * Page: "Trade Streams".
 *
 * `{"e":"trade","E":1790649901913,"s":"BTCUSDT","t":6720857582,"p":"83034.29000000","q":"0.00062000","T":1790649901913,"m":true,"M":true}`
 */
export function parseTrade(data: unknown): TradeMessage | undefined {
  if (!isRecord(data) || data['e'] !== 'trade') return undefined;
  return toTradeMessage(data, data['t']);
}

/**
 * One taker's order took this at one price.
 * Page: "Aggregate Trade Streams".
 *
 * `{"e":"aggTrade","E":1737443769749,"s":"BTCUSDT","a":1019485,"p":"102342.24000000","q":"0.00254000","f":1071934,"l":1071934,"T":1737443769749,"m":true,"M":true}`
 */
export function parseAggregateTrade(data: unknown): TradeMessage | undefined {
  if (!isRecord(data) || data['e'] !== 'aggTrade') return undefined;
  return toTradeMessage(data, data['a']);
}

/**
 * The present state of a candle; `x` says that it is final. `l` is the low and `L` a trade id, `v` the volume and `V` a
 * part of it.
 * Page: "Kline/Candlestick Streams for UTC".
 *
 * `{"e":"kline","E":1737447130004,"s":"BTCUSDT","k":{"t":1737447120000,"T":1737447179999,"s":"BTCUSDT","i":"1m","f":1077331,"L":1077370,"o":"102297.14000000","c":"102312.33000000","h":"102312.34000000","l":"102297.13000000","v":"0.05440000","n":40,"x":false,"q":"5565.33490640","V":"0.02610000","Q":"2670.12710160","B":"0"}}`
 */
export function parseCandle(data: unknown): CandleMessage | undefined {
  if (!isRecord(data) || data['e'] !== 'kline') return undefined;
  const candle = data['k'];
  if (!isRecord(candle)) return undefined;
  const { i: interval, n: tradeCount, x: closed } = candle;
  const sentAt = readTime(data['E']);
  const openAt = readTime(candle['t']);
  const lastAt = isCount(candle['T']) ? lastMsOf(candle['T']) : undefined;
  if (sentAt === undefined || openAt === undefined || lastAt === undefined || lastAt < openAt) return undefined;
  if (typeof interval !== 'string' || !isCount(tradeCount) || typeof closed !== 'boolean') return undefined;
  const open = price(candle['o']);
  const high = price(candle['h']);
  const low = price(candle['l']);
  const close = price(candle['c']);
  const volume = amount(candle['v']);
  if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined;
  if (volume === undefined || !isRange({ open, high, low, close })) return undefined;
  return { sentAt, openAt, lastAt, interval, open, high, low, close, volume, tradeCount, closed };
}

/**
 * Changes of the book; a size of zero removes the level. Levels of 2018 had a third element, which is not read.
 * Page: "Diff. Depth Stream".
 *
 * `{"e":"depthUpdate","E":1628952395768,"s":"XMRBTC","U":717720856,"u":717720857,"b":[],"a":[["0.00578700","31.23100000"],["0.00578800","26.04900000"]]}`
 */
export function parseDepth(data: unknown): DepthMessage | undefined {
  if (!isRecord(data) || data['e'] !== 'depthUpdate') return undefined;
  const { U: firstId, u: lastId } = data;
  const sentAt = readTime(data['E']);
  if (sentAt === undefined || !isCount(firstId) || !isCount(lastId) || firstId > lastId) return undefined;
  const bids = levels(data['b']);
  const asks = levels(data['a']);
  return bids === undefined || asks === undefined ? undefined : { firstId, lastId, sentAt, bids, asks };
}

/** True if the highest and the lowest price of a candle are that, which holds for whatever really happened. */
export function isRange({ open, high, low, close }: Pick<CandleMessage, 'open' | 'high' | 'low' | 'close'>): boolean {
  return [open, close].every((each) => compare(low, each) <= 0 && compare(each, high) <= 0);
}

function parseReply(frame: Readonly<Record<string, unknown>>): StreamFrame | undefined {
  const id = typeof frame['id'] === 'number' ? frame['id'] : null;
  const error = isRecord(frame['error']) ? frame['error'] : frame;
  const { code, msg } = error;
  if (error !== frame || (typeof code === 'number' && typeof msg === 'string')) {
    return { kind: 'reply', id, errorCode: typeof code === 'number' ? code : UNKNOWN_CODE };
  }
  return 'result' in frame && 'id' in frame ? { kind: 'reply', id, errorCode: null } : undefined;
}

function toTradeMessage(data: Readonly<Record<string, unknown>>, venueId: unknown): TradeMessage | undefined {
  const { m: buyerIsMaker } = data;
  const sentAt = readTime(data['E']);
  const tradedAt = readTime(data['T']);
  if (!isCount(venueId) || typeof buyerIsMaker !== 'boolean') return undefined;
  if (sentAt === undefined || tradedAt === undefined) return undefined;
  const paid = price(data['p']);
  const size = amount(data['q']);
  if (paid === undefined || size === undefined) return undefined;
  return { venueId, price: paid, size, tradedAt, sentAt, buyerIsMaker };
}

function levels(value: unknown): readonly PriceLevel[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const result: PriceLevel[] = [];
  for (const level of value as readonly unknown[]) {
    if (!Array.isArray(level)) return undefined;
    const at = price(level[0]);
    const size = amount(level[1]);
    if (at === undefined || size === undefined) return undefined;
    result.push({ price: at, size });
  }
  return result;
}

function price(value: unknown): Decimal | undefined {
  const parsed = amount(value);
  return parsed === undefined || isZero(parsed) ? undefined : parsed;
}

const MINUS = 45;
const ZERO = 48;

function amount(value: unknown): Decimal | undefined {
  return typeof value === 'string' && value.charCodeAt(0) !== MINUS && isDecimal(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function readTime(value: unknown): number | undefined {
  return isCount(value) ? toVenueMs(value) : undefined;
}

/**
 * Null if a side has no quote, which the venue writes as a price of zero. The venue gives no time, so it is the time of
 * receipt.
 */
export function toBinanceTick(message: TickMessage, receivedAt: Timestamp): TickDraft | null {
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

/** An execution as a trade. */
export function toTrade(message: TradeMessage, receivedAt: Timestamp): TradeDraft {
  return {
    type: 'trade',
    time: fromEpochMicros(message.tradedAt),
    receivedAt,
    tradeId: wholeText(message.venueId),
    price: message.price,
    size: message.size,
    // The buyer was the maker, so the taker sold.
    side: message.buyerIsMaker ? 'sell' : 'buy',
    backfilled: false,
  };
}

/** A candle of the stream as an event, at the venue's time of sending. */
export function fromKline(message: CandleMessage, interval: CandleInterval, receivedAt: Timestamp): CandleDraft {
  const { open, high, low, close, volume, tradeCount, closed } = message;
  return {
    type: 'candle',
    time: fromEpochMicros(message.sentAt),
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
    backfilled: false,
  };
}

/** Changes of a book as an event. */
export function toBookDelta(message: DepthMessage, receivedAt: Timestamp): OrderBookDraft {
  return {
    type: 'orderbook',
    kind: 'delta',
    time: fromEpochMicros(message.sentAt),
    receivedAt,
    bids: message.bids,
    asks: message.asks,
  };
}

/** The venue gives no time, so it is the time of receipt. */
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

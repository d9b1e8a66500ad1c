import type { KlineInterval } from './streamNames.ts';

/**
 * A request to the venue's REST host, with the weight that the venue counts for it.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 */
export interface BinanceRequest {
  readonly path: string;
  readonly weight: number;
}

/** Rows of one reply to klines, trades and aggTrades at most. */
export const PAGE_ROWS = 1_000;
const DEEPEST = 5_000;

/**
 * Asks for the listing, whatever the state of each symbol: a halted one is listed, too. `narrow`: without the long lists
 * of permissions; servers that don't know this parameter refuse it.
 */
export function exchangeInfoRequest(narrow: boolean): BinanceRequest {
  return request('exchangeInfo', narrow ? { showPermissionSets: 'false' } : {}, 20);
}

/** Asks for the venue's time. */
export function timeRequest(): BinanceRequest {
  return request('time', {}, 1);
}

/** Asks for a book. A limit beyond the venue's own is reduced to that. */
export function depthRequest(symbol: string, limit: number): BinanceRequest {
  const levels = between(limit, DEEPEST);
  return request('depth', { symbol, limit: levels }, depthWeight(levels));
}

function depthWeight(levels: number): number {
  if (levels <= 100) return 5;
  if (levels <= 500) return 25;
  return levels <= 1_000 ? 50 : 250;
}

/** One request for candles. */
export interface KlineWindow {
  readonly symbol: string;
  readonly interval: KlineInterval;
  /** Bounds of open times, inclusive. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** With `fromMs` the oldest from there, else the newest. At most PAGE_ROWS. */
  readonly rows: number;
}

/** Asks for candles, oldest first. */
export function klinesRequest({ symbol, interval, fromMs, toMs, rows }: KlineWindow): BinanceRequest {
  return request(
    'klines',
    {
      symbol,
      interval,
      ...(fromMs === null ? {} : { startTime: Math.trunc(fromMs) }),
      ...(toMs === null ? {} : { endTime: Math.trunc(toMs) }),
      limit: between(rows, PAGE_ROWS),
    },
    2,
  );
}

/** Asks for the newest trades, oldest first. */
export function tradesRequest(symbol: string, limit: number): BinanceRequest {
  return request('trades', { symbol, limit: between(limit, PAGE_ROWS) }, 25);
}

/** One request for aggregate trades. */
export interface AggTradesWindow {
  readonly symbol: string;
  readonly limit: number;
  /** The oldest from here on, inclusive; null: the newest. */
  readonly fromId: number | null;
}

/** Oldest first. */
export function aggTradesRequest({ symbol, limit, fromId }: AggTradesWindow): BinanceRequest {
  const from = fromId === null ? {} : { fromId };
  return request('aggTrades', { symbol, ...from, limit: between(limit, PAGE_ROWS) }, 4);
}

/** Asks for the best bid and ask. */
export function bookTickerRequest(symbol: string): BinanceRequest {
  return request('ticker/bookTicker', { symbol }, 2);
}

function request(
  endpoint: string,
  parameters: Readonly<Record<string, string | number>>,
  weight: number,
): BinanceRequest {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return { path: `/api/v3/${endpoint}${query.length === 0 ? '' : `?${query.join('&')}`}`, weight };
}

function between(count: number, most: number): number {
  return Math.min(Math.max(Math.trunc(count), 1), most);
}

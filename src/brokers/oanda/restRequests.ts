import type { CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';

// https://developer.oanda.com/rest-live-v20/ : paths, from the slash on, encoded as they are sent.

/** The venue has no candles of one second. */
export type OandaInterval = Exclude<CandleInterval, '1s'>;

/** True if the venue has candles of this interval. */
export function hasHistory(interval: CandleInterval): interval is OandaInterval {
  return interval !== '1s';
}

const GRANULARITIES = {
  '5s': 'S5',
  '1m': 'M1',
  '5m': 'M5',
  '15m': 'M15',
  '1h': 'H1',
  '4h': 'H4',
  '1d': 'D',
} as const satisfies Record<OandaInterval, string>;

/** Candles of one answer at most. */
export const PAGE_CANDLES = 5_000;
/** Aligns long candles to UTC; the venue's default is 17:00 in New York. Shorter ones are not affected. */
const ALIGNED_TO_UTC = 'dailyAlignment=0&alignmentTimezone=UTC';

/** Lists the accounts of a token. */
export function accountsPath(): string {
  return '/v3/accounts';
}

/** Lists what an account may trade. */
export function instrumentsPath(accountId: string): string {
  return `${accountPath(accountId)}/instruments`;
}

/** Asks for the present quotes of instruments. */
export function pricingPath(accountId: string, instruments: Iterable<string>): string {
  return `${accountPath(accountId)}/pricing?instruments=${list(instruments)}&includeUnitsAvailable=false`;
}

/** Opens the stream of prices, which begins with a price of each instrument. */
export function streamPath(accountId: string, instruments: Iterable<string>): string {
  return `${accountPath(accountId)}/pricing/stream?instruments=${list(instruments)}&snapshot=true`;
}

/** One request for candles. */
export interface CandleWindow {
  readonly symbol: string;
  readonly interval: OandaInterval;
  /** Asks for the oldest that open here or later. */
  readonly fromMs: number | null;
  /** Asks for the newest that open before this time, if `fromMs` is null. Null: the newest there are. */
  readonly endMs: number | null;
  /** At most PAGE_CANDLES. */
  readonly count: number;
}

/** Never a start, an end and a count: the venue refuses all three together. An end in the future it refuses, too. */
export function candlesPath(accountId: string, { symbol, interval, fromMs, endMs, count }: CandleWindow): string {
  const edge = fromMs !== null ? `&from=${time(fromMs)}&includeFirst=true` : endMs === null ? '' : `&to=${time(endMs)}`;
  const query = `price=M&granularity=${GRANULARITIES[interval]}&count=${count}${edge}&${ALIGNED_TO_UTC}`;
  return `${accountPath(accountId)}/instruments/${encodeURIComponent(symbol)}/candles?${query}`;
}

/** Names the candles of one instrument and interval. */
export interface CandleSpecification {
  readonly symbol: string;
  readonly interval: OandaInterval;
}

/** Asks for the newest candles of several instruments at once. */
export function latestCandlesPath(accountId: string, specifications: readonly CandleSpecification[]): string {
  const wanted = specifications.map(({ symbol, interval }) => `${symbol}:${GRANULARITIES[interval]}:M`);
  return `${accountPath(accountId)}/candles/latest?candleSpecifications=${list(wanted)}&${ALIGNED_TO_UTC}`;
}

function accountPath(accountId: string): string {
  return `/v3/accounts/${encodeURIComponent(accountId)}`;
}

function list(names: Iterable<string>): string {
  return [...names].map((name) => encodeURIComponent(name)).join(',');
}

function time(epochMs: number): string {
  return encodeURIComponent(fromEpochMs(epochMs));
}

import type { CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';

// https://developer.oanda.com/rest-live-v20/ : paths, from the slash on, encoded as they are sent.

/** The venue has no candles of one second. */
export type VenueInterval = Exclude<CandleInterval, '1s'>;

export function hasHistory(interval: CandleInterval): interval is VenueInterval {
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
} as const satisfies Record<VenueInterval, string>;

/** Candles of one answer at most. */
export const PAGE_CANDLES = 5_000;
/** Of long candles the venue counts from 17:00 in New York unless it is told otherwise; shorter ones are not concerned. */
const ALIGNED_TO_UTC = 'dailyAlignment=0&alignmentTimezone=UTC';

export function accountsPath(): string {
  return '/v3/accounts';
}

export function instrumentsPath(accountId: string): string {
  return `${accountPath(accountId)}/instruments`;
}

export function pricingPath(accountId: string, instruments: Iterable<string>): string {
  return `${accountPath(accountId)}/pricing?instruments=${list(instruments)}&includeUnitsAvailable=false`;
}

export function streamPath(accountId: string, instruments: Iterable<string>): string {
  return `${accountPath(accountId)}/pricing/stream?instruments=${list(instruments)}&snapshot=true`;
}

export interface CandleWindow {
  readonly symbol: string;
  readonly interval: VenueInterval;
  /** Of open times: the oldest from here, inclusive. */
  readonly fromMs: number | null;
  /** The newest before this, exclusive; only where `fromMs` is null. Null: the newest there are. */
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

export interface CandleSpecification {
  readonly symbol: string;
  readonly interval: VenueInterval;
}

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

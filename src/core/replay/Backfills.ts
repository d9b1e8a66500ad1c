import type { Adapter } from '../GuardedAdapter.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval, StreamKey } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import { FairPool } from '../../shared/FairPool.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import { placeOf } from './ReplayLog.ts';
import type { PastEvents, ReplayLog } from './ReplayLog.ts';

/** What is missing: everything behind a place, or the last events of the stream. */
export type MissingPast =
  { readonly kind: 'behind'; readonly place: number } | { readonly kind: 'last'; readonly count: number };

/** A log whose past is to be fetched. */
export interface BackfillRequest {
  readonly log: ReplayLog;
  readonly symbol: string;
  /** The interval of candles; null for trades. */
  readonly interval: CandleInterval | null;
  readonly missing: MissingPast;
  readonly adapter: Adapter;
  readonly asker: Asker;
  readonly nowMs: number;
  /** The open time of the candle that the stream is at; null if it has none yet. */
  readonly openMs: () => number | null;
  /** Called once the log has been filled up to this place. */
  readonly onFilled: (place: number) => void;
}

/** The most events that are fetched at once. */
const MAX_TRADES = 5_000;
const MAX_CANDLES = 1_000;
/** Requests that are made at the same time, for all clients and for one. */
const AT_ONCE = { capacity: 8, perOwner: 4, perAsker: 4, free: 0 };

/**
 * Fetches what logs lack from the venue's history: once for all who ask for the same stream, and for few streams at a
 * time.
 */
export class Backfills {
  readonly #running = new Map<StreamKey, Promise<boolean>>();
  readonly #pool = new FairPool(AT_ONCE);

  /**
   * Resolves when the log has been filled as far as the venue could; false if it could not be asked. If its past is
   * being fetched already, for whatever is missing, that is awaited instead.
   */
  async fill(request: BackfillRequest): Promise<boolean> {
    const { key } = request.log;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const filling = this.#fill(request).finally(() => this.#running.delete(key));
    this.#running.set(key, filling);
    return filling;
  }

  async #fill(request: BackfillRequest): Promise<boolean> {
    using _place = await this.#pool.take(request.asker, 1);
    try {
      const past =
        request.interval === null ? await fetchTrades(request) : await fetchCandles(request, request.interval);
      request.log.fill(past);
      const last = past.drafts.at(-1);
      if (last !== undefined) request.onFilled(placeOf(last));
      return true;
    } catch {
      // The venue refuses, can't be reached, or has no history: the subscribers are told what is missing.
      return false;
    }
  }
}

async function fetchTrades({ adapter, symbol, missing, asker }: BackfillRequest): Promise<PastEvents> {
  if (missing.kind === 'last') {
    const drafts = await adapter.fetchTrades(symbol, missing.count, asker);
    const [first] = drafts;
    const last = drafts.at(-1);
    if (first === undefined || last === undefined) return { drafts: [], after: Number.NaN, next: Number.NaN };
    return { drafts, after: placeOf(first) - 1, next: placeOf(last) + 1 };
  }
  const { trades, complete } = await adapter.fetchTradesBehind(symbol, missing.place, MAX_TRADES, asker);
  const [first] = trades;
  const last = trades.at(-1);
  if (first === undefined || last === undefined) {
    return complete
      ? { drafts: [], after: missing.place, next: missing.place + 1 }
      : { drafts: [], after: Number.NaN, next: Number.NaN };
  }
  const isBehind = placeOf(first) === missing.place + 1;
  return { drafts: trades, after: isBehind ? missing.place : placeOf(first) - 1, next: placeOf(last) + 1 };
}

/** The candle that has not ended yet says up to where there are closed ones. */
async function fetchCandles(
  { adapter, symbol, missing, asker, nowMs, openMs }: BackfillRequest,
  interval: CandleInterval,
): Promise<PastEvents> {
  const lengthMs = CANDLE_INTERVALS[interval];
  const isLast = missing.kind === 'last';
  const limit = isLast ? missing.count + 1 : MAX_CANDLES;
  const fromMs = isLast ? null : Math.ceil((missing.place + 1) / lengthMs) * lengthMs;
  const fetched = await adapter.fetchCandles({ symbol, interval, fromMs, toMs: null, limit }, asker);
  const streamMs = openMs() ?? Number.POSITIVE_INFINITY;
  const isPast = (candle: CandleDraft): boolean => candle.closed && placeOf(candle) < streamMs;
  const closed = fetched.filter(isPast);
  const drafts = isLast ? closed.slice(-missing.count) : closed;
  const running = fetched.find((candle) => !isPast(candle));
  const last = fetched.at(-1);
  const endMs = last === undefined ? Math.floor(nowMs / lengthMs) * lengthMs : toEpochMs(last.closeTime);
  const next = Math.min(running === undefined ? endMs : placeOf(running), streamMs);
  const [first] = drafts;
  const after = isLast ? (first === undefined ? Number.NaN : placeOf(first) - 1) : missing.place;
  return { drafts, after, next };
}

import type { Adapter } from '../GuardedAdapter.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval, StreamKey } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { FairPool } from '../../shared/FairPool.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import { logFault } from '../../shared/logger.ts';
import type { Logger } from '../../shared/logger.ts';
import { placeOf } from './KeptEvents.ts';
import type { PastEvents } from './KeptEvents.ts';
import type { ReplayLog } from './ReplayLog.ts';

/** A log lacks these events. */
export interface MissingPast {
  /** Everything behind this place; null: nothing in particular. */
  readonly behind: number | null;
  /** So many events before the live ones. */
  readonly last: number;
}

/** A log whose past is to be fetched. */
export interface BackfillRequest {
  readonly log: ReplayLog;
  readonly symbol: string;
  /** The interval of candles; null for trades. */
  readonly interval: CandleInterval | null;
  readonly missing: MissingPast;
  readonly adapter: Adapter;
  readonly asker: Asker;
  /** The open time of the candle that the stream is at; null if it has none yet. */
  readonly openMs: () => number | null;
  /** Called once the log has been filled up to this place. */
  readonly onFilled: (place: number) => void;
}

/** The outcome of a request. */
export type Backfilled =
  /** The log has what the venue has, up to this place; NaN if that proved nothing. */
  | { readonly kind: 'filled'; readonly next: number }
  /** The venue was being asked for something else of the same stream, and has answered. */
  | { readonly kind: 'other' }
  /** The venue could not be asked. `isFinal`: asking again soon would not help. */
  | { readonly kind: 'failed'; readonly isFinal: boolean };

/** The most events that are fetched at once. */
const MAX_TRADES = 5_000;
const MAX_CANDLES = 1_000;
const MAX_UNFINISHED = 20;
/** Requests that are made at the same time, for all clients and for one. */
const AT_ONCE = { capacity: 8, perOwner: 4, perAsker: 4, free: 0 };
/** A venue that wants no request for longer than that is not asked again. */
const SOON_MS = 5_000;
const PROVES_NOTHING: PastEvents = { drafts: [], after: Number.NaN, next: Number.NaN };

/** A request that is not made yet: whoever asks for the same stream meanwhile has part in it. */
interface Waiting {
  missing: MissingPast;
  readonly outcome: Promise<Backfilled>;
}

/**
 * Fetches what logs lack from the venue's history: once for all who ask for the same stream, and for few streams at a
 * time. Once disposed of, it makes no more requests, and those who wait are told so.
 */
export class Backfills implements Disposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting = new Map<StreamKey, Waiting>();
  readonly #running = new Map<StreamKey, Promise<Backfilled>>();
  readonly #pool = new FairPool(AT_ONCE);
  #isClosed = false;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Resolves when the venue has answered, and the log has been filled. Never rejects. */
  async fetch(request: BackfillRequest): Promise<Backfilled> {
    const { log, missing } = request;
    const waiting = this.#waiting.get(log.key);
    if (waiting !== undefined) {
      waiting.missing = both(waiting.missing, missing);
      return waiting.outcome;
    }
    const running = this.#running.get(log.key);
    if (running !== undefined) {
      await running;
      return { kind: 'other' };
    }
    const { promise: outcome, resolve } = Promise.withResolvers<Backfilled>();
    this.#waiting.set(log.key, { missing, outcome });
    this.#clock.turn(() => {
      void this.#run(request).then(resolve);
    });
    return outcome;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
  }

  async #run(request: BackfillRequest): Promise<Backfilled> {
    const { key } = request.log;
    using _place = await this.#pool.take(request.asker, 1);
    const missing = this.#waiting.get(key)?.missing ?? request.missing;
    this.#waiting.delete(key);
    if (this.#isClosed) return { kind: 'failed', isFinal: true };
    const asking = this.#ask({ ...request, missing });
    this.#running.set(key, asking);
    const outcome = await asking;
    this.#running.delete(key);
    return outcome;
  }

  async #ask(request: BackfillRequest): Promise<Backfilled> {
    const { interval, log, onFilled } = request;
    try {
      const pasts = interval === null ? await fetchTrades(request) : await this.#fetchCandles(request, interval);
      for (const past of pasts) log.fillIn(past);
      const next = Math.max(...pasts.map((past) => past.next));
      if (!Number.isNaN(next)) onFilled(next - (interval === null ? 1 : CANDLE_INTERVALS[interval]));
      return { kind: 'filled', next };
    } catch (thrown) {
      // The venue refuses, can't be reached, or has no history: the subscribers are told what is missing.
      const error = GatewayError.from(thrown);
      logFault(this.#logger, error, 'the history of a stream could not be used');
      const { details, retryable } = error;
      return { kind: 'failed', isFinal: !retryable || (details.retryAfterMs ?? 0) > SOON_MS };
    }
  }

  async #fetchCandles(request: BackfillRequest, interval: CandleInterval): Promise<readonly PastEvents[]> {
    const { behind, last } = request.missing;
    const pasts: PastEvents[] = [];
    if (behind !== null) {
      const lengthMs = CANDLE_INTERVALS[interval];
      const nowMs = this.#clock.now();
      // If the place is very old, the newest are worth more than the oldest.
      const oldestMs = Math.floor(nowMs / lengthMs) * lengthMs - (MAX_CANDLES - 2) * lengthMs;
      const fromMs = Math.ceil((behind + 1) / lengthMs) * lengthMs;
      const isTooOld = fromMs < oldestMs;
      const found = await this.#candles(request, interval, { fromMs: Math.max(fromMs, oldestMs), limit: MAX_CANDLES });
      pasts.push({ ...found, after: isTooOld ? oldestMs - 1 : behind });
    }
    if (last > 0) {
      const limit = last + this.#unfinished(request, CANDLE_INTERVALS[interval]);
      const { drafts, next } = await this.#candles(request, interval, { fromMs: null, limit });
      const newest = drafts.slice(-last);
      const [first] = newest;
      pasts.push({ drafts: newest, next, after: first === undefined ? Number.NaN : placeOf(first) - 1 });
    }
    return pasts;
  }

  /** How many of the newest candles don't count: the one that runs, and those that the stream has yet to finish. */
  #unfinished({ openMs }: BackfillRequest, lengthMs: number): number {
    const late = Math.ceil((this.#clock.now() - (openMs() ?? this.#clock.now())) / lengthMs);
    return 2 + Math.min(Math.max(late, 0), MAX_UNFINISHED);
  }

  /** The candle that has not ended yet says up to where there are closed ones. */
  async #candles(
    { adapter, asker, openMs, symbol }: BackfillRequest,
    interval: CandleInterval,
    range: { readonly fromMs: number | null; readonly limit: number },
  ): Promise<Omit<PastEvents, 'after'>> {
    const lengthMs = CANDLE_INTERVALS[interval];
    const fetched = await adapter.fetchCandles({ symbol, interval, toMs: null, ...range }, asker);
    const streamMs = openMs() ?? Number.POSITIVE_INFINITY;
    const isPast = (candle: CandleDraft): boolean => candle.closed && placeOf(candle) < streamMs;
    const running = fetched.find((candle) => !isPast(candle));
    const last = fetched.at(-1);
    const endMs = last === undefined ? Math.floor(this.#clock.now() / lengthMs) * lengthMs : toEpochMs(last.closeTime);
    const next = Math.min(running === undefined ? endMs : placeOf(running), streamMs);
    return { drafts: fetched.filter(isPast), next };
  }
}

async function fetchTrades({
  adapter,
  symbol,
  missing: { behind, last },
  asker,
}: BackfillRequest): Promise<readonly PastEvents[]> {
  const pasts: PastEvents[] = [];
  if (behind !== null) pasts.push(pastTrades(await adapter.fetchTradesFrom(symbol, behind, MAX_TRADES, asker)));
  if (last > 0) pasts.push(pastTrades(await adapter.fetchTrades(symbol, last, asker)));
  return pasts;
}

/** Trades without a hole prove that there are no others among them. */
function pastTrades(drafts: PastEvents['drafts']): PastEvents {
  const [first] = drafts;
  const last = drafts.at(-1);
  if (first === undefined || last === undefined) return PROVES_NOTHING;
  return { drafts, after: placeOf(first) - 1, next: placeOf(last) + 1 };
}

function both(a: MissingPast, b: MissingPast): MissingPast {
  const places = [a.behind, b.behind].filter((place) => place !== null);
  return { behind: places.length === 0 ? null : Math.min(...places), last: Math.max(a.last, b.last) };
}

import { decimal, add, compare } from './decimal.ts';
import type { Decimal } from './decimal.ts';
import { CANDLE_INTERVALS } from './marketData.ts';
import type { CandleDraft, CandleInterval } from './marketData.ts';
import { fromEpochMs, toEpochMs } from './timestamp.ts';
import type { Timestamp } from './timestamp.ts';

/**
 * The result of adding something. `grown`: the candles to publish, in this order (the previous candle, closed, if a new one
 * started; then the one that grew). `late`: the candle was closed already, and nothing has changed.
 */
export type CandleOutcome =
  { readonly kind: 'grown'; readonly drafts: readonly CandleDraft[] } | { readonly kind: 'late' };

/** One price, and when it was quoted (milliseconds since the epoch). */
export interface CandlePrice {
  readonly price: Decimal;
  readonly timeMs: number;
}

/** One trade. */
export interface CandleTrade extends CandlePrice {
  readonly size: Decimal;
}

const LATE: CandleOutcome = { kind: 'late' };
const ONE = decimal('1');

/**
 * Builds the candles of one interval from trades, from prices, or from candles of the same or a finer interval. Buckets are
 * aligned to the epoch in UTC, and sums are exact. A bucket without any data has no candle. There is no clock inside: each item
 * carries its own time, and the owner calls `close` as time passes.
 */
export class CandleBuilder {
  readonly interval: CandleInterval;
  readonly #lengthMs: number;
  #bucket: Bucket | null = null;
  /** When the last closed bucket ended. */
  #closedMs = Number.NEGATIVE_INFINITY;

  constructor(interval: CandleInterval) {
    this.interval = interval;
    this.#lengthMs = CANDLE_INTERVALS[interval];
  }

  /** Adds a trade. Call it in the venue's order: the last trade determines the close. */
  addTrade({ price, size, timeMs }: CandleTrade, receivedAt: Timestamp): CandleOutcome {
    const bar = { open: price, high: price, low: price, close: price, volume: size, tradeCount: 1 };
    return this.#grow(bar, timeMs, receivedAt);
  }

  /** Adds a price, for venues that send prices but no trades. The volume is then the number of prices. */
  addPrice({ price, timeMs }: CandlePrice, receivedAt: Timestamp): CandleOutcome {
    const bar = { open: price, high: price, low: price, close: price, volume: ONE, tradeCount: null };
    return this.#grow(bar, timeMs, receivedAt);
  }

  /**
   * Adds a candle of this or a finer interval, each time that it is sent while it grows. It replaces what was known of its time
   * span. A closed candle that ends with the bucket closes the bucket. Throws a RangeError for a coarser interval.
   */
  addCandle(candle: CandleDraft): CandleOutcome {
    if (CANDLE_INTERVALS[candle.interval] > this.#lengthMs) throw new RangeError('longer than the candles to build');
    const openMs = toEpochMs(candle.openTime);
    if (this.#isLate(openMs)) return LATE;
    const before = this.close(openMs, candle.receivedAt);
    const bucket = (this.#bucket ??= new Bucket(openMs, this.#lengthMs));
    bucket.put(openMs, barOf(candle), candle.interval === this.interval);
    const closed = candle.closed && toEpochMs(candle.closeTime) === bucket.closeMs;
    if (closed) this.#end(bucket);
    const { time, receivedAt } = candle;
    return grown(before, this.#draft(bucket, { time, receivedAt, closed, backfilled: closed && candle.backfilled }));
  }

  /** Closes the open candle if it has ended by `nowMs`, and returns it; otherwise returns null. */
  close(nowMs: number, receivedAt: Timestamp): CandleDraft | null {
    const bucket = this.#bucket;
    if (bucket === null || nowMs < bucket.closeMs) return null;
    this.#end(bucket);
    return this.#draft(bucket, { time: bucket.closeTime, receivedAt, closed: true, backfilled: false });
  }

  /** The open candle as it is, stamped with `now`; null if none is open. */
  current(now: Timestamp): CandleDraft | null {
    return this.#bucket === null
      ? null
      : this.#draft(this.#bucket, { time: now, receivedAt: now, closed: false, backfilled: false });
  }

  #grow(bar: CandleBar, timeMs: number, receivedAt: Timestamp): CandleOutcome {
    if (this.#isLate(timeMs)) return LATE;
    const before = this.close(timeMs, receivedAt);
    const bucket = (this.#bucket ??= new Bucket(timeMs, this.#lengthMs));
    bucket.add(bar);
    const stamp = { time: fromEpochMs(timeMs), receivedAt, closed: false, backfilled: false };
    return grown(before, this.#draft(bucket, stamp));
  }

  #isLate(timeMs: number): boolean {
    return timeMs < (this.#bucket?.openMs ?? this.#closedMs);
  }

  #end(bucket: Bucket): void {
    this.#closedMs = bucket.closeMs;
    this.#bucket = null;
  }

  #draft(bucket: Bucket, stamp: Pick<CandleDraft, 'time' | 'receivedAt' | 'closed' | 'backfilled'>): CandleDraft {
    const { interval } = this;
    const { openTime, closeTime } = bucket;
    return { type: 'candle', interval, openTime, closeTime, ...bucket.bar(), ...stamp };
  }
}

/**
 * The time span of one candle, with a bar for each part that is known, so that a part can be replaced when it is sent again.
 */
class Bucket {
  readonly openMs: number;
  readonly closeMs: number;
  readonly openTime: Timestamp;
  readonly closeTime: Timestamp;
  /** In ascending order of their start. */
  #parts: { readonly openMs: number; bar: CandleBar }[] = [];
  /** All parts but the last, joined; null if there is at most one. */
  #settled: CandleBar | null = null;

  constructor(timeMs: number, lengthMs: number) {
    this.openMs = Math.floor(timeMs / lengthMs) * lengthMs;
    this.closeMs = this.openMs + lengthMs;
    this.openTime = fromEpochMs(this.openMs);
    this.closeTime = fromEpochMs(this.closeMs);
  }

  /** Extends the last part. */
  add(bar: CandleBar): void {
    const last = this.#parts.at(-1);
    if (last === undefined) this.#parts.push({ openMs: this.openMs, bar });
    else last.bar = joinBars(last.bar, bar);
  }

  /** Replaces the part that starts at `openMs`, or all parts. */
  put(openMs: number, bar: CandleBar, all: boolean): void {
    const last = this.#parts.at(-1);
    if (last === undefined || all) {
      this.#parts = [{ openMs, bar }];
      this.#settled = null;
    } else if (last.openMs === openMs) {
      last.bar = bar;
    } else if (last.openMs < openMs) {
      this.#settled = this.bar();
      this.#parts.push({ openMs, bar });
    } else {
      const others = this.#parts.filter((part) => part.openMs !== openMs);
      this.#parts = [...others, { openMs, bar }].toSorted((a, b) => a.openMs - b.openMs);
      this.#settled = this.#parts
        .slice(0, -1)
        .map((part) => part.bar)
        .reduce(joinBars);
    }
  }

  bar(): CandleBar {
    const last = this.#parts.at(-1);
    if (last === undefined) throw new TypeError('the bucket has no part');
    return this.#settled === null ? last.bar : joinBars(this.#settled, last.bar);
  }
}

function barOf({ open, high, low, close, volume, tradeCount }: CandleDraft): CandleBar {
  return { open, high, low, close, volume, tradeCount };
}

function grown(before: CandleDraft | null, now: CandleDraft): CandleOutcome {
  return { kind: 'grown', drafts: before === null ? [now] : [before, now] };
}

/** The values of a candle without its time span. */
export interface CandleBar {
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly tradeCount: number | null;
}

/** The bar over two neighbouring time spans. Its number of trades is unknown if one of theirs is. */
export function joinBars(earlier: CandleBar, later: CandleBar): CandleBar {
  return {
    open: earlier.open,
    high: compare(later.high, earlier.high) > 0 ? later.high : earlier.high,
    low: compare(later.low, earlier.low) < 0 ? later.low : earlier.low,
    close: later.close,
    volume: add(earlier.volume, later.volume),
    tradeCount: earlier.tradeCount === null || later.tradeCount === null ? null : earlier.tradeCount + later.tradeCount,
  };
}

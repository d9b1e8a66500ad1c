import type { CandleQuery } from '../BaseBroker.ts';
import { joinBars, CandleBuilder } from '../../market/CandleBuilder.ts';
import type { CandleBar, CandleOutcome } from '../../market/CandleBuilder.ts';
import { decimal } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { CandleHistory } from './CandleHistory.ts';

/** Closed candles of an interval that are kept: as many as one query may ask for. Beyond it the oldest go. */
const MOST_KEPT = 5_000;
const INTERVALS: readonly CandleInterval[] = ['1s', '5s', '1m', '5m', '15m', '1h', '4h', '1d'];
const NONE = decimal('0');

/** One price of a step: of a trade, or (size null) of a quote. */
export interface CandlePoint {
  readonly price: Decimal;
  readonly size: Decimal | null;
}

/** The present, for a query. */
export interface CandleMoment {
  readonly nowMs: number;
  readonly price: Decimal;
}

interface CandleInstant {
  readonly timeMs: number;
  readonly receivedAt: Timestamp;
}

interface IntervalCandles {
  readonly builder: CandleBuilder;
  /** By open time, ascending. */
  readonly closed: Map<number, CandleDraft>;
}

/**
 * The candles of one symbol, of every interval: built while its market runs, made up for the time before, flat and without
 * volume where the market stood still. A query's first candle of the market's life is filled up from history, and so
 * begins earlier than the streamed one, which begins with the first price that was sent.
 */
export class MockCandles {
  readonly #history: CandleHistory;
  readonly #byInterval: ReadonlyMap<CandleInterval, IntervalCandles>;
  #first: { readonly timeMs: number; readonly price: Decimal } | null = null;

  constructor(history: CandleHistory) {
    this.#history = history;
    this.#byInterval = new Map(
      INTERVALS.map((interval) => [interval, { builder: new CandleBuilder(interval), closed: new Map() }]),
    );
  }

  /** Takes in the prices of one step; returns of each interval the candle that was closed, if any, and the one that grew. */
  add(points: readonly CandlePoint[], timeMs: number): readonly CandleDraft[] {
    const [first] = points;
    if (first === undefined) return [];
    this.#first ??= { timeMs, price: first.price };
    const receivedAt = fromEpochMs(timeMs);
    const drafts = [...this.close(timeMs)];
    for (const { builder } of this.#byInterval.values()) {
      const outcomes = points.map((point) => addPoint(builder, point, { timeMs, receivedAt }));
      const last = outcomes.at(-1);
      if (last?.kind === 'grown') drafts.push(...last.drafts.slice(-1));
    }
    return drafts;
  }

  /** Closes what has ended. */
  close(nowMs: number): readonly CandleDraft[] {
    const receivedAt = fromEpochMs(nowMs);
    const drafts: CandleDraft[] = [];
    for (const { builder, closed } of this.#byInterval.values()) {
      const draft = builder.close(nowMs, receivedAt);
      if (draft === null) continue;
      closed.set(toEpochMs(draft.openTime), draft);
      const [oldest] = closed.keys();
      if (oldest !== undefined && closed.size > MOST_KEPT) closed.delete(oldest);
      drafts.push(draft);
    }
    return drafts;
  }

  /** The open candle of the running market; null where none is open. */
  current(interval: CandleInterval, nowMs: number): CandleDraft | null {
    return this.#candlesOf(interval).builder.current(fromEpochMs(nowMs));
  }

  /** Ascending and without a hole; the one that is open now comes last, where the query reaches so far. */
  query({ interval, fromMs, toMs, limit }: CandleQuery, moment: CandleMoment): readonly CandleDraft[] {
    const lengthMs = CANDLE_INTERVALS[interval];
    const newestMs = alignDown(Math.min(toMs ?? moment.nowMs, moment.nowMs), lengthMs);
    const oldestMs = Math.max(0, fromMs === null ? newestMs - (limit - 1) * lengthMs : -alignDown(-fromMs, lengthMs));
    const drafts: CandleDraft[] = [];
    let before: CandleBar | null = null;
    for (let openMs = oldestMs; openMs <= newestMs && drafts.length < limit; openMs += lengthMs) {
      const bar: CandleBar =
        this.#barAt(interval, openMs, moment) ?? flat(before ?? this.#lastBefore(interval, openMs));
      drafts.push(draftOf(interval, { bar, openMs, nowMs: moment.nowMs }));
      before = bar;
    }
    return drafts;
  }

  /** Null where the market stood still. */
  #barAt(interval: CandleInterval, openMs: number, { nowMs, price }: CandleMoment): CandleBar | null {
    const first = this.#first;
    const closeMs = openMs + CANDLE_INTERVALS[interval];
    if (first === null || closeMs <= first.timeMs) {
      if (closeMs <= nowMs) return this.#history.bar(interval, openMs);
      return this.#history.partial(interval, { openMs, endMs: nowMs, close: price });
    }
    const live = this.#liveAt(interval, openMs);
    if (live === null || openMs > first.timeMs) return live;
    return joinBars(this.#history.partial(interval, { openMs, endMs: first.timeMs, close: first.price }), live);
  }

  #liveAt(interval: CandleInterval, openMs: number): CandleBar | null {
    const { builder, closed } = this.#candlesOf(interval);
    const current = builder.current(fromEpochMs(openMs));
    return closed.get(openMs) ?? (current !== null && toEpochMs(current.openTime) === openMs ? current : null);
  }

  /** What there was before a time at which the market stood still; from history where that is no longer kept. */
  #lastBefore(interval: CandleInterval, timeMs: number): CandleBar {
    const { builder, closed } = this.#candlesOf(interval);
    const current = builder.current(fromEpochMs(timeMs));
    if (current !== null && toEpochMs(current.openTime) < timeMs) return current;
    const earlier = [...closed].findLast(([openMs]) => openMs < timeMs);
    return earlier?.[1] ?? this.#history.bar(interval, timeMs - CANDLE_INTERVALS[interval]);
  }

  #candlesOf(interval: CandleInterval): IntervalCandles {
    const candles = this.#byInterval.get(interval);
    if (candles === undefined) throw new TypeError(`no candles of ${interval}`);
    return candles;
  }
}

function addPoint(builder: CandleBuilder, { price, size }: CandlePoint, at: CandleInstant): CandleOutcome {
  const { timeMs, receivedAt } = at;
  return size === null
    ? builder.addPrice({ price, timeMs }, receivedAt)
    : builder.addTrade({ price, size, timeMs }, receivedAt);
}

function flat({ close, tradeCount }: CandleBar): CandleBar {
  const count = tradeCount === null ? null : 0;
  return { open: close, high: close, low: close, close, volume: NONE, tradeCount: count };
}

interface PlacedBar {
  readonly bar: CandleBar;
  readonly openMs: number;
  readonly nowMs: number;
}

function draftOf(interval: CandleInterval, { bar, openMs, nowMs }: PlacedBar): CandleDraft {
  const { open, high, low, close, volume, tradeCount } = bar;
  const closeMs = openMs + CANDLE_INTERVALS[interval];
  return {
    type: 'candle',
    time: fromEpochMs(Math.min(closeMs, nowMs)),
    receivedAt: fromEpochMs(nowMs),
    interval,
    openTime: fromEpochMs(openMs),
    closeTime: fromEpochMs(closeMs),
    open,
    high,
    low,
    close,
    volume,
    tradeCount,
    closed: closeMs <= nowMs,
  };
}

function alignDown(timeMs: number, lengthMs: number): number {
  return Math.floor(timeMs / lengthMs) * lengthMs;
}

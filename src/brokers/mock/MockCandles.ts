import type { CandleQuery } from '../BaseBroker.ts';
import { joinBars, CandleBuilder } from '../../market/CandleBuilder.ts';
import type { CandleBar, CandleOutcome } from '../../market/CandleBuilder.ts';
import { decimal, compare, fromUnits } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { noiseAt, seedOf, usualDeviation } from './PriceWalk.ts';
import type { MarketSpec } from './marketSpec.ts';

/** Closed candles of an interval that are kept: as many as one query may ask for. Beyond it the oldest go. */
const MOST_KEPT = 5_000;
const INTERVALS: readonly CandleInterval[] = ['1s', '5s', '1m', '5m', '15m', '1h', '4h', '1d'];
const NONE = decimal('0');

/** One price of a step, from a trade or, with a size of null, from a quote. */
export interface CandlePoint {
  readonly price: Decimal;
  readonly size: Decimal | null;
}

/** The present, for a query. */
export interface MockMoment {
  readonly nowMs: number;
  readonly price: Decimal;
}

interface StepMoment {
  readonly timeMs: number;
  readonly isKept: boolean;
}

interface CandleInstant {
  readonly timeMs: number;
  readonly receivedAt: Timestamp;
}

interface IntervalCandles {
  readonly builder: CandleBuilder;
  /** Closed candles by open time, ascending. */
  readonly closed: Map<number, CandleDraft>;
  /** The open times of closed candles that were not kept, ascending. */
  readonly lost: Set<number>;
}

/**
 * The candles of one symbol, of every interval: built while its market runs, made up for the time before, and flat
 * without volume while the market did not move. In a query, the candle in which the market began is completed from the
 * made-up history; the streamed one begins with the first price that was sent.
 */
export class MockCandles {
  readonly #history: CandleHistory;
  readonly #byInterval: ReadonlyMap<CandleInterval, IntervalCandles>;
  #first: { readonly timeMs: number; readonly price: Decimal } | null = null;

  constructor(history: CandleHistory) {
    this.#history = history;
    this.#byInterval = new Map(
      INTERVALS.map((interval) => [
        interval,
        { builder: new CandleBuilder(interval), closed: new Map(), lost: new Set() },
      ]),
    );
  }

  /**
   * Adds the prices of one step. Returns, for each interval, the candle that was closed, if any, and the one in
   * progress.
   */
  add(points: readonly CandlePoint[], { timeMs, isKept }: StepMoment): readonly CandleDraft[] {
    const [first] = points;
    if (first === undefined) return [];
    this.#first ??= { timeMs, price: first.price };
    const receivedAt = fromEpochMs(timeMs);
    const drafts = [...this.close(timeMs, isKept)];
    for (const { builder } of this.#byInterval.values()) {
      const outcomes = points.map((point) => addPoint(builder, point, { timeMs, receivedAt }));
      const last = outcomes.at(-1);
      if (last?.kind === 'grown') drafts.push(...last.drafts.slice(-1));
    }
    return drafts;
  }

  /** Closes the candles that have ended. Those that are not kept are left out of every answer. */
  close(nowMs: number, isKept: boolean): readonly CandleDraft[] {
    const receivedAt = fromEpochMs(nowMs);
    const drafts: CandleDraft[] = [];
    for (const { builder, closed, lost } of this.#byInterval.values()) {
      const draft = builder.close(nowMs, receivedAt);
      if (draft === null) continue;
      if (isKept) closed.set(toEpochMs(draft.openTime), draft);
      else lost.add(toEpochMs(draft.openTime));
      for (const kept of [closed, lost]) {
        const [oldest] = kept.keys();
        if (oldest !== undefined && kept.size > MOST_KEPT) kept.delete(oldest);
      }
      drafts.push(draft);
    }
    return drafts;
  }

  /** The closed candles that opened from `fromMs` on and were kept, ascending. */
  closedSince(interval: CandleInterval, fromMs: number): readonly CandleDraft[] {
    return [...this.#candlesOf(interval).closed].filter(([openMs]) => openMs >= fromMs).map(([, candle]) => candle);
  }

  /** True if a candle that opened from `fromMs` on and before `untilMs` was closed and not kept. */
  hasLost(interval: CandleInterval, fromMs: number, untilMs: number): boolean {
    return [...this.#candlesOf(interval).lost].some((openMs) => openMs >= fromMs && openMs < untilMs);
  }

  /** The open candle of the running market; null if none is open. */
  current(interval: CandleInterval, nowMs: number): CandleDraft | null {
    return this.#candlesOf(interval).builder.current(fromEpochMs(nowMs));
  }

  /**
   * The candles of a query, ascending and without a hole, unless one was not kept. The open one comes last, if the
   * query reaches that far.
   */
  query({ interval, fromMs, toMs, limit }: CandleQuery, moment: MockMoment): readonly CandleDraft[] {
    const lengthMs = CANDLE_INTERVALS[interval];
    const newestMs = alignDown(Math.min(toMs ?? moment.nowMs, moment.nowMs), lengthMs);
    const oldestMs = Math.max(0, fromMs === null ? newestMs - (limit - 1) * lengthMs : -alignDown(-fromMs, lengthMs));
    const drafts: CandleDraft[] = [];
    let before: CandleBar | null = null;
    const { lost } = this.#candlesOf(interval);
    for (let openMs = oldestMs; openMs <= newestMs && drafts.length < limit; openMs += lengthMs) {
      if (lost.has(openMs)) continue;
      const bar: CandleBar =
        this.#barAt(interval, openMs, moment) ?? flat(before ?? this.#lastBefore(interval, openMs));
      drafts.push(draftOf(interval, { bar, openMs, nowMs: moment.nowMs }));
      before = bar;
    }
    return drafts;
  }

  /** Null if the market did not move. */
  #barAt(interval: CandleInterval, openMs: number, { nowMs, price }: MockMoment): CandleBar | null {
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

  /**
   * The last candle before a time at which the market did not move; from the made-up history if it is no longer kept.
   */
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
    backfilled: true,
  };
}

function alignDown(timeMs: number, lengthMs: number): number {
  return Math.floor(timeMs / lengthMs) * lengthMs;
}

/**
 * The shape of each interval's candles: how often the path is sampled for their extremes, and how long their wicks may
 * be.
 */
const SHAPES: Readonly<Record<CandleInterval, { readonly sampleMs: number; readonly wick: number }>> = {
  '1s': { sampleMs: 1_000, wick: 0.03 },
  '5s': { sampleMs: 1_000, wick: 0.06 },
  '1m': { sampleMs: 5_000, wick: 0.2 },
  '5m': { sampleMs: 60_000, wick: 0.5 },
  '15m': { sampleMs: 300_000, wick: 0.8 },
  '1h': { sampleMs: 900_000, wick: 1.1 },
  '4h': { sampleMs: 3_600_000, wick: 1.4 },
  '1d': { sampleMs: 14_400_000, wick: 1.8 },
};
/** The path is noise of these wave lengths, each as strong as the root of its length says. */
const WAVES_MS = [1_000, 5_000, 60_000, 300_000];
const LONGEST_WAVE_MS = 300_000;
/** Makes the path stray from the start about as far as the live market does. */
const STRENGTH = 1.7;
const TRADES_PER_STEP = 1.5;

/** Part of a candle: from its open time to a moment at which the price was known. */
export interface PartSpan {
  readonly openMs: number;
  readonly endMs: number;
  readonly close: Decimal;
}

/**
 * The made-up past of a market: a price at every time, which depends on (seed, symbol) and that time alone, so that a
 * candle is always the same, and each opens at the price at which the one before closed.
 */
export class CandleHistory {
  readonly #spec: MarketSpec;
  readonly #seed: number;
  readonly #deviation: number;

  constructor(spec: MarketSpec) {
    this.#spec = spec;
    this.#seed = seedOf(spec.seed, spec.symbol, 'history');
    this.#deviation = usualDeviation(spec);
  }

  /** A whole candle. */
  bar(interval: CandleInterval, openMs: number): CandleBar {
    const endMs = openMs + CANDLE_INTERVALS[interval];
    return this.partial(interval, { openMs, endMs, close: this.#text(this.#priceAt(endMs)) });
  }

  /** A candle from its open time to a moment before its end; the price at that moment is given. */
  partial(interval: CandleInterval, { openMs, endMs, close }: PartSpan): CandleBar {
    const { sampleMs, wick } = SHAPES[interval];
    const share = (endMs - openMs) / CANDLE_INTERVALS[interval];
    const open = this.#priceAt(openMs);
    let high = open + this.#draw(interval, openMs, 1) * wick * share * this.#deviation;
    let low = open - this.#draw(interval, openMs, 2) * wick * share * this.#deviation;
    for (let at = openMs + sampleMs; at < endMs; at += sampleMs) {
      const price = this.#priceAt(at);
      high = Math.max(high, price);
      low = Math.min(low, price);
    }
    const highest = this.#text(high);
    const lowest = this.#text(low);
    return {
      open: this.#text(open),
      high: compare(close, highest) > 0 ? close : highest,
      low: compare(close, lowest) < 0 ? close : lowest,
      close,
      ...this.#activity(interval, openMs, share),
    };
  }

  /** The price at a time, in price steps. */
  #priceAt(timeMs: number): number {
    let waves = 0;
    for (const [octave, waveMs] of WAVES_MS.entries()) {
      const index = Math.floor(timeMs / waveMs);
      const along = timeMs / waveMs - index;
      const before = noiseAt(this.#seed, octave, index);
      const after = noiseAt(this.#seed, octave, index + 1);
      waves += (before + (after - before) * along) * Math.sqrt(waveMs / LONGEST_WAVE_MS);
    }
    return Math.round(this.#spec.startPrice + waves * STRENGTH * this.#deviation);
  }

  #activity(interval: CandleInterval, openMs: number, share: number): Pick<CandleBar, 'volume' | 'tradeCount'> {
    const { hasTrades, stepsPerSecond, mostQuanta, quantum, sizeDecimals } = this.#spec;
    const steps = (CANDLE_INTERVALS[interval] / 1000) * share * stepsPerSecond;
    if (!hasTrades) return { volume: fromUnits(Math.max(1, Math.round(steps)), 0), tradeCount: null };
    const busy = 0.5 + this.#draw(interval, openMs, 3);
    const tradeCount = Math.max(1, Math.round(steps * TRADES_PER_STEP * busy));
    const averageSize = (mostQuanta * quantum) / 16;
    return { volume: fromUnits(Math.round(tradeCount * averageSize * (0.5 + busy / 2)), sizeDecimals), tradeCount };
  }

  /** A number from 0 to 1, for one candle and purpose. */
  #draw(interval: CandleInterval, openMs: number, purpose: number): number {
    const lengthMs = CANDLE_INTERVALS[interval];
    return (noiseAt(seedOf(this.#seed, interval), purpose, Math.floor(openMs / lengthMs)) + 1) / 2;
  }

  #text(price: number): Decimal {
    return fromUnits(Math.round(price), this.#spec.priceDecimals);
  }
}

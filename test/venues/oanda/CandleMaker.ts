import { slotAt } from './granularity.ts';
import type { Alignment, Granularity, Slot } from './granularity.ts';
import { toPrice } from './ticks.ts';
import type { Ticks } from './ticks.ts';

export type Component = 'mid' | 'bid' | 'ask';
export type Ohlc = Readonly<Record<'o' | 'h' | 'l' | 'c', string>>;

export interface Candle extends Readonly<Record<Component, Ohlc>> {
  readonly startMs: number;
  readonly complete: boolean;
  readonly volume: number;
}

/** Values that a test puts into a candle instead of those that the prices give. */
export type CandleFields = Partial<Readonly<Record<Component, Partial<Ohlc>>>> & {
  readonly complete?: boolean;
  readonly volume?: number;
};

export interface CandleQuery {
  readonly granularity: Granularity;
  readonly alignment: Alignment;
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly count: number;
}

export interface CandleMakerOptions {
  readonly nowMs: () => number;
  readonly precision: number;
  /** The mid price when the market opened, which is when this object is made. */
  readonly mid: Ticks;
  readonly spread: Ticks;
  /** Whether a slot before the opening of the market had no price. */
  readonly isQuiet: (granularity: Granularity, startMs: number) => boolean;
}

interface Range {
  o: Ticks;
  h: Ticks;
  l: Ticks;
  c: Ticks;
}

interface Bucket extends Record<Component, Range> {
  readonly startMs: number;
  volume: number;
}

const HOUR_MS = 3_600_000;
/** This many slots are searched for one answer, so that the search in a market without prices ends. */
const MAX_SLOTS = 100_000;

/**
 * Makes candles of every granularity: from the prices since the market opened, before that from a smooth invented
 * history that ends at the opening price, and from a test's own values instead of either. Without a price there is no
 * candle.
 */
export class CandleMaker {
  readonly #options: CandleMakerOptions;
  readonly #openedMs: number;
  /** Buckets of five seconds, which divide every granularity, in ascending order. */
  readonly #buckets: Bucket[] = [];
  readonly #written = new Map<string, CandleFields | 'absent'>();

  constructor(options: CandleMakerOptions) {
    this.#options = options;
    this.#openedMs = options.nowMs();
  }

  /** Adds the best prices of a time; prices that are older than those already added are ignored. */
  record(timeMs: number, bid: Ticks, ask: Ticks): void {
    const mid = Math.floor((bid + ask + 1) / 2);
    const { startMs } = slotAt('S5', timeMs);
    const last = this.#buckets.at(-1);
    if (last !== undefined && last.startMs > startMs) return;
    if (last?.startMs === startMs) merge(last, { startMs, volume: 1, mid: flat(mid), bid: flat(bid), ask: flat(ask) });
    else this.#buckets.push({ startMs, volume: 1, mid: flat(mid), bid: flat(bid), ask: flat(ask) });
  }

  /** From now on this candle has these values. */
  write(granularity: Granularity, startMs: number, fields: CandleFields): void {
    const key = `${granularity} ${startMs}`;
    const known = this.#written.get(key);
    this.#written.set(key, known === undefined || known === 'absent' ? fields : { ...known, ...fields });
  }

  /** From now on there is no such candle. */
  remove(granularity: Granularity, startMs: number): void {
    this.#written.set(`${granularity} ${startMs}`, 'absent');
  }

  /** Returns candles in ascending order, with the running one last. */
  candles(query: CandleQuery): Candle[] {
    return query.fromMs === null ? this.#until(query) : this.#since(query, query.fromMs);
  }

  #since({ granularity, alignment, toMs, count }: CandleQuery, fromMs: number): Candle[] {
    const endMs = Math.min(toMs ?? Number.POSITIVE_INFINITY, this.#options.nowMs() + 1);
    const candles: Candle[] = [];
    let slot = slotAt(granularity, fromMs, alignment);
    for (let seen = 0; slot.startMs < endMs && candles.length < count && seen < MAX_SLOTS; seen += 1) {
      const candle = this.#candle(granularity, slot);
      if (candle !== null) candles.push(candle);
      slot = slotAt(granularity, slot.endMs, alignment);
    }
    return candles;
  }

  #until({ granularity, alignment, toMs, count }: CandleQuery): Candle[] {
    const candles: Candle[] = [];
    let slot = slotAt(granularity, toMs === null ? this.#options.nowMs() : toMs - 1, alignment);
    for (let seen = 0; candles.length < count && seen < MAX_SLOTS; seen += 1) {
      const candle = this.#candle(granularity, slot);
      if (candle !== null) candles.push(candle);
      slot = slotAt(granularity, slot.startMs - 1, alignment);
    }
    return candles.toReversed();
  }

  #candle(granularity: Granularity, slot: Slot): Candle | null {
    const written = this.#written.get(`${granularity} ${slot.startMs}`);
    if (written === 'absent') return null;
    const made = this.#made(granularity, slot);
    if (made === null && written === undefined) return null;
    const { mid, spread } = this.#options;
    const { volume, ...ranges } = made ?? { volume: 0, ...around(flat(mid), spread) };
    return {
      startMs: slot.startMs,
      complete: written?.complete ?? slot.endMs <= this.#options.nowMs(),
      volume: written?.volume ?? volume,
      mid: { ...this.#text(ranges.mid), ...written?.mid },
      bid: { ...this.#text(ranges.bid), ...written?.bid },
      ask: { ...this.#text(ranges.ask), ...written?.ask },
    };
  }

  #made(granularity: Granularity, { startMs, endMs }: Slot): Bucket | null {
    const isInvented = startMs < this.#openedMs && !this.#options.isQuiet(granularity, startMs);
    const made = isInvented ? this.#invented(startMs, Math.min(endMs, this.#openedMs)) : null;
    const first = lowerBound(this.#buckets, startMs);
    return this.#buckets.slice(first, lowerBound(this.#buckets, endMs)).reduce<Bucket | null>((whole, bucket) => {
      return whole === null ? structuredClone(bucket) : merge(whole, bucket);
    }, made);
  }

  #invented(startMs: number, endMs: number): Bucket {
    const [o, c] = [this.#midAt(startMs), this.#midAt(endMs)];
    const mid = { o, c, h: Math.max(o, c) + 1, l: Math.min(o, c) - 1 };
    return { startMs, volume: 1 + (Math.floor(startMs / 1000) % 97), ...around(mid, this.#options.spread) };
  }

  /** A slow wave of one percent that passes through the opening price at the opening. */
  #midAt(timeMs: number): Ticks {
    return Math.round(this.#options.mid * (1 + 0.01 * Math.sin((this.#openedMs - timeMs) / HOUR_MS)));
  }

  #text({ o, h, l, c }: Range): Ohlc {
    const { precision } = this.#options;
    return {
      o: toPrice(o, precision),
      h: toPrice(h, precision),
      l: toPrice(l, precision),
      c: toPrice(c, precision),
    };
  }
}

function flat(price: Ticks): Range {
  return { o: price, h: price, l: price, c: price };
}

function around(mid: Range, spread: Ticks): Record<Component, Range> {
  const below = Math.ceil(spread / 2);
  return { mid, bid: moved(mid, -below), ask: moved(mid, spread - below) };
}

function moved({ o, h, l, c }: Range, by: Ticks): Range {
  return { o: o + by, h: h + by, l: l + by, c: c + by };
}

/** Merges a later bucket into an earlier one. */
function merge(whole: Bucket, later: Bucket): Bucket {
  whole.volume += later.volume;
  for (const component of ['mid', 'bid', 'ask'] as const) {
    const range = whole[component];
    range.h = Math.max(range.h, later[component].h);
    range.l = Math.min(range.l, later[component].l);
    range.c = later[component].c;
  }
  return whole;
}

/** The index of the first bucket that does not begin earlier. */
function lowerBound(buckets: readonly Bucket[], startMs: number): number {
  let low = 0;
  let high = buckets.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((buckets[middle]?.startMs ?? startMs) < startMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

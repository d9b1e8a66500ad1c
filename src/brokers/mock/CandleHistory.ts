import type { CandleBar } from '../../market/CandleBuilder.ts';
import { compare, fromUnits } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleInterval } from '../../market/marketData.ts';
import { noiseAt, seedOf } from './draws.ts';
import type { MarketSpec } from './marketSpec.ts';
import { usualDeviation } from './PriceWalk.ts';

/** How each interval's candles look: where the path is sampled for their extremes, and how long their wicks may be. */
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
 * What the market would have done before anyone watched it: a price at every time that depends on (seed, symbol) and that
 * time alone, so that a candle is the same whenever it is asked for, and each opens where the one before has closed.
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

  /** A candle from its open time to a moment before its end, where the price is given. */
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

  /** In price steps. */
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

  /** From 0 to 1, for one candle and purpose. */
  #draw(interval: CandleInterval, openMs: number, purpose: number): number {
    const lengthMs = CANDLE_INTERVALS[interval];
    return (noiseAt(seedOf(this.#seed, interval), purpose, Math.floor(openMs / lengthMs)) + 1) / 2;
  }

  #text(price: number): Decimal {
    return fromUnits(Math.round(price), this.#spec.priceDecimals);
  }
}

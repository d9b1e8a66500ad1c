import type { Random } from '../../shared/random.ts';
import type { MarketSpec } from './marketSpec.ts';

const CALM = 3;
const HOTTEST = 6;

/** How far the price usually strays from its start, in price steps. */
export function usualDeviation({ startPrice, stride }: MarketSpec): number {
  return Math.sqrt(1.2 * stride * bandOf(startPrice));
}

/**
 * A random walk in whole price steps. Its moves grow and shrink, and the farther it is from its start the more it is
 * drawn back: it never leaves two percent (and one move) around it, so that no price comes near zero.
 */
export class PriceWalk {
  readonly #random: Random;
  readonly #start: number;
  readonly #stride: number;
  #price: number;
  #heat = CALM;

  constructor({ startPrice, stride }: MarketSpec, random: Random) {
    this.#random = random;
    this.#start = startPrice;
    this.#stride = stride;
    this.#price = startPrice;
  }

  next(): number {
    const random = this.#random;
    const pull = whole(random, 0, 3) === 0 ? Math.sign(CALM - this.#heat) : 0;
    this.#heat = Math.min(HOTTEST, Math.max(1, this.#heat + whole(random, -1, 1) + pull));
    const move = whole(random, 0, this.#heat * this.#stride);
    const strayed = Math.max(-1, Math.min(1, (this.#price - this.#start) / bandOf(this.#start)));
    this.#price += random() < (1 - strayed) / 2 ? move : -move;
    return this.#price;
  }
}

function bandOf(startPrice: number): number {
  return Math.floor(startPrice / 50);
}

/** A number derived from any parts (FNV-1a), to seed a generator of their own with. */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify(parts)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}

/** A whole number from `low` to `high`, both included. */
export function whole(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** A whole number from 1 to `most`, small ones more often. */
export function small(random: Random, most: number): number {
  return 1 + Math.floor(random() * random() * most);
}

/** A number from -1 to 1 that depends on its place alone. */
export function noiseAt(seed: number, octave: number, index: number): number {
  let mixed = seed ^ Math.imul(octave + 1, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2_147_483_647.5 - 1;
}

import type { Random } from '../../shared/random.ts';
import { whole } from './draws.ts';
import type { MarketSpec } from './marketSpec.ts';

const CALM = 3;
const HOTTEST = 6;

/** How far the price usually strays from its start, in price steps: what the pull of the walk below comes to. */
export function usualDeviation({ startPrice, stride }: MarketSpec): number {
  return Math.sqrt(1.2 * stride * bandOf(startPrice));
}

/**
 * A random walk in whole price steps. It grows hot and calm again, and the farther it is from its start the more it is
 * drawn back: it stays within two percent (and one move) for ever, so that no price ever comes near zero.
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

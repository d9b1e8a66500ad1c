import type { Random } from '../../shared/random.ts';
import { small, whole } from './draws.ts';
import type { MarketSpec } from './marketSpec.ts';

/** One level; as a change, a size of 0 removes it. */
export interface LadderLevel {
  readonly price: number;
  readonly size: number;
}

const FEWEST = 50;
const USUAL = 60;
const MOST = 70;

/** One side of a made-up book: between 50 and 70 levels, best first, whose best is told from outside. */
export class BookLadder {
  readonly #spec: MarketSpec;
  readonly #random: Random;
  /** Towards worse prices: -1 for bids, 1 for asks. */
  readonly #away: 1 | -1;
  readonly #levels: LadderLevel[];
  #changes = new Map<number, number>();

  constructor(spec: MarketSpec, random: Random, start: LadderLevel & { readonly away: 1 | -1 }) {
    this.#spec = spec;
    this.#random = random;
    this.#away = start.away;
    this.#levels = [{ price: start.price, size: start.size }];
    this.#deepen();
    this.#changes.clear();
  }

  get levels(): readonly LadderLevel[] {
    return this.#levels;
  }

  /** Makes `best` the best level, lets some of the others live, and tells what has changed, best first. */
  move(best: LadderLevel): readonly LadderLevel[] {
    this.#changes = new Map();
    while (this.#levels[0] !== undefined && this.#distance(this.#levels[0].price, best.price) < 0) this.#remove(0);
    this.#put(best);
    for (let count = whole(this.#random, 1, 3); count > 0; count -= 1) this.#stir(best.price);
    if (this.#levels.length < FEWEST) this.#deepen();
    if (this.#levels.length > MOST) this.#shorten();
    return [...this.#changes]
      .map(([price, size]) => ({ price, size }))
      .toSorted((a, b) => this.#distance(a.price, b.price));
  }

  /** A level near the best comes or changes; one farther off changes. */
  #stir(best: number): void {
    this.#put({ price: best + this.#away * whole(this.#random, 1, 4 * this.#spec.stride), size: this.#size() });
    const other = this.#levels[whole(this.#random, 1, this.#levels.length - 1)];
    if (other !== undefined) this.#put({ price: other.price, size: this.#size() });
  }

  #deepen(): void {
    for (
      let last = this.#levels.at(-1);
      last !== undefined && this.#levels.length < USUAL;
      last = this.#levels.at(-1)
    ) {
      const price = last.price + this.#away * whole(this.#random, 1, 2 * this.#spec.stride);
      this.#put({ price, size: this.#size() });
    }
  }

  #shorten(): void {
    while (this.#levels.length > USUAL) this.#remove(this.#levels.length - 1);
  }

  #put(level: LadderLevel): void {
    const found = this.#levels.findIndex(({ price }) => this.#distance(price, level.price) >= 0);
    const index = found === -1 ? this.#levels.length : found;
    this.#levels.splice(index, this.#levels[index]?.price === level.price ? 1 : 0, level);
    this.#changes.set(level.price, level.size);
  }

  #remove(index: number): void {
    for (const { price } of this.#levels.splice(index, 1)) this.#changes.set(price, 0);
  }

  #size(): number {
    return small(this.#random, this.#spec.mostQuanta) * this.#spec.quantum;
  }

  /** Negative where `price` is better than `other`. */
  #distance(price: number, other: number): number {
    return (price - other) * this.#away;
  }
}

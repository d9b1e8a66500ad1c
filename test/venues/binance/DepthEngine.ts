import type { Random } from '../../../src/shared/random.ts';
import type { DepthSpeed } from './streamNames.ts';
import { toText, toUnits } from './units.ts';
import type { Units } from './units.ts';

/** Price and quantity as the venue prints them. */
export type Level = readonly [price: string, quantity: string];

export interface BookSnapshot {
  readonly lastUpdateId: number;
  /** From high to low. */
  readonly bids: readonly Level[];
  /** From low to high. */
  readonly asks: readonly Level[];
}

/** All changes with the ids `U` to `u`; quantity 0 removes a level. */
export interface Diff {
  readonly U: number;
  readonly u: number;
  readonly b: readonly Level[];
  readonly a: readonly Level[];
}

/** New quantities of levels; 0 removes a level. */
export interface LevelChanges {
  readonly bids?: readonly Level[];
  readonly asks?: readonly Level[];
}

export interface DepthEngineOptions {
  readonly price: string;
  readonly tickSize: Units;
  readonly stepSize: Units;
  /** The number of levels on each side at the start, and about as many later. */
  readonly levels: number;
  readonly firstUpdateId: number;
  readonly random: Random;
}

type Side = 'bids' | 'asks';
const SIDES = ['bids', 'asks'] as const;
const SPEEDS: readonly DepthSpeed[] = [100, 1000];

interface Batch {
  first: number;
  readonly bids: Map<Units, Units>;
  readonly asks: Map<Units, Units>;
}

/**
 * The book of one symbol. Every change of a level takes the next update id, which the REST snapshot, the diffs of both
 * speeds and the best prices share. Changes are collected for each speed, whether or not a client is subscribed.
 */
export class DepthEngine {
  readonly #options: DepthEngineOptions;
  readonly #book: Readonly<Record<Side, Map<Units, Units>>> = { bids: new Map(), asks: new Map() };
  readonly #batches: ReadonlyMap<DepthSpeed, Batch>;
  #lastUpdateId: number;

  constructor(options: DepthEngineOptions) {
    this.#options = options;
    this.#lastUpdateId = options.firstUpdateId;
    this.#batches = new Map(SPEEDS.map((speed) => [speed, emptyBatch(options.firstUpdateId + 1)]));
    const middle = aligned(toUnits(options.price), options.tickSize);
    for (let step = 1n; step <= BigInt(options.levels); step += 1n) {
      if (middle > step * options.tickSize) this.#book.bids.set(middle - step * options.tickSize, this.#quantity());
      this.#book.asks.set(middle + step * options.tickSize, this.#quantity());
    }
  }

  get lastUpdateId(): number {
    return this.#lastUpdateId;
  }

  /** Null if the side is empty. */
  best(side: Side): Level | null {
    const price = this.#bestPrice(side);
    return price === null ? null : [toText(price), toText(this.#book[side].get(price) ?? 0n)];
  }

  snapshot(limit = Number.POSITIVE_INFINITY): BookSnapshot {
    const levels = (side: Side): Level[] =>
      this.#sorted(side, this.#book[side])
        .slice(0, limit)
        .map(([price, quantity]) => [toText(price), toText(quantity)]);
    return { lastUpdateId: this.#lastUpdateId, bids: levels('bids'), asks: levels('asks') };
  }

  /** Applies the changes as they are: the caller may cross the book if it wants to. */
  apply(changes: LevelChanges): void {
    for (const side of SIDES) {
      for (const [price, quantity] of changes[side] ?? []) this.#set(side, toUnits(price), toUnits(quantity));
    }
  }

  /**
   * Makes these the best prices: better levels are removed, and those on the other side that they cross; an empty side
   * gets one level.
   */
  setBest(best: { readonly bid?: Level; readonly ask?: Level }): void {
    if (best.bid !== undefined) this.#setBest('bids', toUnits(best.bid[0]), toUnits(best.bid[1]));
    if (best.ask !== undefined) this.#setBest('asks', toUnits(best.ask[0]), toUnits(best.ask[1]));
  }

  /** Changes the quantity of a best level, or moves it by one step: the best price or size is always new. */
  nudgeBest(): void {
    const side = this.#pickSide();
    const price = this.#bestPrice(side) ?? aligned(toUnits(this.#options.price), this.#options.tickSize);
    const chance = this.#options.random();
    if (chance < 0.2 && this.#book[side].size > this.#options.levels / 2) this.#set(side, price, 0n);
    else if (chance < 0.4 && this.#mayImprove(side, price))
      this.#set(side, this.#beside(side, price, 1n), this.#quantity());
    else this.#set(side, price, this.#quantity());
  }

  /** Changes some level near the top; now and then it adds one at the far end or removes one. */
  nudgeDepth(): void {
    const side = this.#pickSide();
    const prices = this.#sorted(side, this.#book[side]).map(([price]) => price);
    const picked = prices[Math.floor(this.#options.random() * Math.min(prices.length, 10))];
    const last = prices.at(-1);
    if (picked === undefined || last === undefined) return this.nudgeBest();
    const further = this.#beside(side, last, -1n);
    if (prices.length < this.#options.levels && further > 0n) this.#set(side, further, this.#quantity());
    else if (this.#options.random() < 0.2 && prices.length > 5) this.#set(side, picked, 0n);
    else this.#set(side, picked, this.#quantity());
  }

  /**
   * Takes the changes since the last diff of this speed; null if there are none. The next diff begins right after it.
   */
  takeDiff(speed: DepthSpeed): Diff | null {
    const batch = this.#batches.get(speed);
    if (batch === undefined || batch.first > this.#lastUpdateId) return null;
    const levels = (side: Side): Level[] =>
      this.#sorted(side, batch[side]).map(([price, quantity]) => [toText(price), toText(quantity)]);
    const diff: Diff = { U: batch.first, u: this.#lastUpdateId, b: levels('bids'), a: levels('asks') };
    batch.first = this.#lastUpdateId + 1;
    batch.bids.clear();
    batch.asks.clear();
    return diff;
  }

  #setBest(side: Side, price: Units, quantity: Units): void {
    const other = opposite(side);
    for (const held of this.#book[side].keys()) if (this.#better(side, held, price)) this.#set(side, held, 0n);
    for (const held of this.#book[other].keys()) if (!this.#better(other, price, held)) this.#set(other, held, 0n);
    this.#set(side, price, quantity);
    if (this.#book[other].size === 0) this.#set(other, this.#beside(side, price, 1n), this.#quantity());
  }

  #set(side: Side, price: Units, quantity: Units): void {
    if (quantity === 0n) this.#book[side].delete(price);
    else this.#book[side].set(price, quantity);
    this.#lastUpdateId += 1;
    for (const batch of this.#batches.values()) batch[side].set(price, quantity);
  }

  #bestPrice(side: Side): Units | null {
    let best: Units | null = null;
    for (const price of this.#book[side].keys()) if (best === null || this.#better(side, price, best)) best = price;
    return best;
  }

  #better(side: Side, price: Units, than: Units): boolean {
    return side === 'bids' ? price > than : price < than;
  }

  /** With positive `steps` the price is nearer to the other side. */
  #beside(side: Side, price: Units, steps: bigint): Units {
    return price + (side === 'bids' ? steps : -steps) * this.#options.tickSize;
  }

  #mayImprove(side: Side, price: Units): boolean {
    const facing = this.#bestPrice(opposite(side));
    const improved = this.#beside(side, price, 1n);
    return improved > 0n && (facing === null || this.#better(side, facing, improved));
  }

  #sorted(side: Side, levels: ReadonlyMap<Units, Units>): [Units, Units][] {
    return [...levels].toSorted(([a], [b]) => (a === b ? 0 : this.#better(side, a, b) ? -1 : 1));
  }

  #quantity(): Units {
    return this.#options.stepSize * BigInt(1 + Math.floor(this.#options.random() * 100_000));
  }

  #pickSide(): Side {
    return this.#options.random() < 0.5 ? 'bids' : 'asks';
  }
}

function opposite(side: Side): Side {
  return side === 'bids' ? 'asks' : 'bids';
}

function emptyBatch(first: number): Batch {
  return { first, bids: new Map(), asks: new Map() };
}

function aligned(price: Units, tickSize: Units): Units {
  return (price / tickSize) * tickSize;
}

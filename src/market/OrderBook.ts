import { compare, fractionDigits, exactUnits, isZero, toUnits } from './decimal.ts';
import type { BookUpdateKind, PriceLevel } from './marketData.ts';
import type { Decimal } from './decimal.ts';

/** A snapshot or a change of a book: the part of an OrderBookUpdate that OrderBook reads. */
export interface BookChange {
  readonly kind: BookUpdateKind;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/** How many digits a scaled price may have and still be exact in a double. */
const EXACT_DIGITS = 15;

/**
 * One order book, both sides. A snapshot replaces it. In a delta a size of zero (by value) removes the level; removing a level
 * that is absent does nothing. Prices that differ only in trailing zeros are the same level. `top` returns the level objects
 * that came in, with the digits that were sent last; they are shared, not copied.
 */
export class OrderBook {
  readonly #bids = new BookSide(1);
  readonly #asks = new BookSide(-1);
  /** How many fraction digits go into the keys. Any number gives correct results; a fitting one is fast. */
  #scale = 0;

  /** Applies a snapshot or a change to both sides at once: nobody sees half of an update. */
  apply({ kind, bids, asks }: BookChange): void {
    if (kind === 'snapshot') {
      this.#bids.clear();
      this.#asks.clear();
    }
    if (this.#bids.size === 0 && this.#asks.size === 0) this.#scale = fittingScale(bids, asks);
    this.#bids.apply(bids, this.#scale);
    this.#asks.apply(asks, this.#scale);
  }

  /** The best `depth` levels of each side, best first. The cost depends on `depth` only, not on the size of the book. */
  top(depth: number): { bids: PriceLevel[]; asks: PriceLevel[] } {
    return { bids: this.#bids.top(depth), asks: this.#asks.top(depth) };
  }

  /** True if the best bid meets or exceeds the best ask. No venue's book is like that after a complete event. */
  get crossed(): boolean {
    const bid = this.#bids.best;
    const ask = this.#asks.best;
    return bid !== undefined && ask !== undefined && compare(bid.price, ask.price) >= 0;
  }
}

/**
 * The greatest number of fraction digits among the prices, or fewer if the greatest price would not be exact with that many.
 */
function fittingScale(bids: readonly PriceLevel[], asks: readonly PriceLevel[]): number {
  let fraction = 0;
  let whole = 0;
  for (const side of [bids, asks]) {
    for (const { price } of side) {
      const digits = fractionDigits(price);
      fraction = Math.max(fraction, digits);
      whole = Math.max(whole, digits === 0 ? price.length : price.length - digits - 1);
    }
  }
  return Math.max(0, Math.min(fraction, EXACT_DIGITS - whole));
}

/** The most levels in a block. A change moves a part of one block, however deep the book is. */
const MAX_BLOCK = 32;
/** How many levels go into a block when an empty side is filled in order: this leaves room for later ones in between. */
const INITIAL_FILL = 24;

/** Neighbouring levels as parallel arrays, in ascending order of their keys. */
interface Block {
  readonly keys: number[];
  readonly levels: PriceLevel[];
}

/**
 * One side of a book. Its levels are kept in blocks, the best level last, because most changes happen near it. A level's key is
 * its price as a scaled integer (negative for asks, so that both sides ascend). Keys are never out of order, but two prices with
 * more digits than a double holds may have the same key. Once such a price has come, equal keys are compared digit by digit.
 */
class BookSide {
  readonly #sign: 1 | -1;
  /** No block is empty, unless it is the only one. */
  readonly #blocks: Block[] = [{ keys: [], levels: [] }];
  /** For each block: no key in it is below this bound, and no key before it is above. The first bound is not used. */
  readonly #bounds: number[] = [0];
  #size = 0;
  /** True as long as every key has been exact. */
  #exact = true;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  get size(): number {
    return this.#size;
  }

  get best(): PriceLevel | undefined {
    return this.#blocks.at(-1)?.levels.at(-1);
  }

  apply(changes: readonly PriceLevel[], scale: number): void {
    if (this.#size === 0 && this.#load(changes, scale)) return;
    for (const level of changes) this.#set(level, this.#key(level.price, scale));
  }

  /** The best `depth` levels, best first, in a new array. */
  top(depth: number): PriceLevel[] {
    const result: PriceLevel[] = [];
    for (let at = this.#blocks.length - 1; at >= 0; at -= 1) {
      const levels = this.#blocks[at]?.levels ?? [];
      for (let index = levels.length - 1; index >= 0; index -= 1) {
        const level = levels[index];
        if (level === undefined || result.length >= depth) return result;
        result.push(level);
      }
    }
    return result;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#bounds.length = 0;
    this.#begin(0);
    this.#size = 0;
    this.#exact = true;
  }

  #key(price: Decimal, scale: number): number {
    const units = exactUnits(price, scale);
    if (!Number.isNaN(units)) return units * this.#sign;
    this.#exact = false;
    return toUnits(price, scale) * this.#sign;
  }

  /**
   * Fills an empty side with levels in the order in which venues send them, best first. Returns false, leaving it empty, if
   * they are not in order.
   */
  #load(levels: readonly PriceLevel[], scale: number): boolean {
    let block = this.#blocks[0];
    let previous: number | undefined;
    for (let index = levels.length - 1; index >= 0; index -= 1) {
      const level = levels[index];
      if (level === undefined) continue;
      const key = this.#key(level.price, scale);
      if (isZero(level.size) || (previous !== undefined && previous >= key)) {
        this.clear();
        return false;
      }
      if (block === undefined || block.keys.length >= INITIAL_FILL) block = this.#begin(key);
      block.keys.push(key);
      block.levels.push(level);
      this.#size += 1;
      previous = key;
    }
    return true;
  }

  /** Appends an empty block. */
  #begin(bound: number): Block {
    const block: Block = { keys: [], levels: [] };
    this.#blocks.push(block);
    this.#bounds.push(bound);
    return block;
  }

  #set(level: PriceLevel, key: number): void {
    const at = this.#findBlock(key, level.price);
    const block = this.#blocks[at];
    if (block === undefined) return;
    const index = this.#find(block, key, level.price);
    const found = block.keys[index] === key && (this.#exact || this.#compareAt(block, index, level.price) === 0);
    if (isZero(level.size)) {
      if (found) this.#removeAt(at, block, index);
    } else if (found) {
      block.levels[index] = level;
    } else {
      this.#insertAt(at, block, { index, key, level });
    }
  }

  /** The index of the block that contains the price, or would contain it. */
  #findBlock(key: number, price: Decimal): number {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    let low = 0;
    let high = last;
    while (low < high) {
      // The last block is tried first, because most changes belong there.
      const middle = high === last ? last : (low + high + 1) >>> 1;
      const bound = bounds[middle] ?? 0;
      if (bound < key || (bound === key && !this.#beginsBehind(middle, price))) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #beginsBehind(at: number, price: Decimal): boolean {
    const block = this.#blocks[at];
    return !this.#exact && block !== undefined && this.#compareAt(block, 0, price) > 0;
  }

  /** The index of the first level of the block that is not worse than the price. */
  #find(block: Block, key: number, price: Decimal): number {
    const { keys } = block;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = keys[middle] ?? 0;
      if (there < key || (there === key && !this.#exact && this.#compareAt(block, middle, price) < 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compareAt({ levels }: Block, index: number, price: Decimal): number {
    const level = levels[index];
    return level === undefined ? 1 : compare(level.price, price) * this.#sign;
  }

  // The few levels are moved one by one, because splice would allocate for every change.
  #insertAt(
    at: number,
    { keys, levels }: Block,
    { index, key, level }: { index: number; key: number; level: PriceLevel },
  ): void {
    for (let place = keys.length; place > index; place -= 1) {
      keys[place] = keys[place - 1] ?? 0;
      levels[place] = levels[place - 1] ?? level;
    }
    keys[index] = key;
    levels[index] = level;
    this.#size += 1;
    if (keys.length < MAX_BLOCK) return;
    const half = { keys: keys.splice(MAX_BLOCK / 2), levels: levels.splice(MAX_BLOCK / 2) };
    this.#blocks.splice(at + 1, 0, half);
    this.#bounds.splice(at + 1, 0, half.keys[0] ?? 0);
  }

  #removeAt(at: number, { keys, levels }: Block, index: number): void {
    for (let place = index + 1; place < keys.length; place += 1) {
      keys[place - 1] = keys[place] ?? 0;
      const level = levels[place];
      if (level !== undefined) levels[place - 1] = level;
    }
    keys.pop();
    levels.pop();
    this.#size -= 1;
    if (keys.length > 0 || this.#blocks.length === 1) return;
    this.#blocks.splice(at, 1);
    this.#bounds.splice(at, 1);
  }
}

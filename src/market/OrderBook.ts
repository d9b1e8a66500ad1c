import { compare, fractionDigits, exactUnits, isZero, toUnits } from './decimal.ts';
import type { BookUpdateKind, PriceLevel } from './marketData.ts';
import type { Decimal } from './decimal.ts';

/** What changes a book: the part of an OrderBookUpdate that it reads. */
export interface BookChange {
  readonly kind: BookUpdateKind;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/** Digits that a scaled price may have and still be exact in a double. */
const EXACT_DIGITS = 15;

/**
 * One order book, both sides. A snapshot replaces it; in a delta a size of zero (by value) removes a level, and one that
 * is absent anyway is no fault. Prices that differ only in trailing zeros are one level. What goes out are the very
 * levels that came in, last sent digit for digit; they are shared, not copied.
 */
export class OrderBook {
  readonly #bids = new BookSide(1);
  readonly #asks = new BookSide(-1);
  /** Digits behind the point that go into the keys; any number is right, a fitting one is fast. */
  #scale = 0;

  /** Both sides in one go: there is no moment at which half of an update is visible. */
  apply({ kind, bids, asks }: BookChange): void {
    if (kind === 'snapshot') {
      this.#bids.clear();
      this.#asks.clear();
    }
    if (this.#bids.size === 0 && this.#asks.size === 0) this.#scale = fittingScale(bids, asks);
    this.#bids.apply(bids, this.#scale);
    this.#asks.apply(asks, this.#scale);
  }

  /** The best `depth` levels of each side, best first. Costs `depth`, whatever the size of the book. */
  top(depth: number): { bids: PriceLevel[]; asks: PriceLevel[] } {
    return { bids: this.#bids.top(depth), asks: this.#asks.top(depth) };
  }

  /** The best bid meets or passes the best ask: no venue's book looks so after a whole event. */
  get crossed(): boolean {
    const bid = this.#bids.best;
    const ask = this.#asks.best;
    return bid !== undefined && ask !== undefined && compare(bid.price, ask.price) >= 0;
  }
}

/** The decimals of the prices, fewer where the greatest of them would not be exact with so many. */
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

/** Levels that lie together at most: what a change moves is a part of these, however deep the book is. */
const BLOCK = 32;
/** A side that is filled in order leaves room for what comes between. */
const FILLED = 24;

/** A run of levels as parallel arrays, ascending. */
interface Block {
  readonly keys: number[];
  readonly levels: PriceLevel[];
}

/**
 * One side of a book: its levels in blocks, the best level last, since most changes happen near it. A key is the price as a
 * scaled integer (negative for asks, so that both sides ascend). Keys are never out of order, but prices with more digits
 * than a double holds may share one: where such a price has come and keys are equal, the digits themselves decide.
 */
class BookSide {
  readonly #sign: 1 | -1;
  /** None of them is empty, but an only one. */
  readonly #blocks: Block[] = [{ keys: [], levels: [] }];
  /** No key in a block is below its bound, none before it is above. The first one's says nothing. */
  readonly #bounds: number[] = [0];
  #size = 0;
  /** Every key so far is the price itself. */
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

  /** The best `depth` levels, best first, in an array of its own. */
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

  /** Fills an empty side from levels as venues send them, best first. False, and still empty, where they are not so. */
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
      if (block === undefined || block.keys.length >= FILLED) block = this.#begin(key);
      block.keys.push(key);
      block.levels.push(level);
      this.#size += 1;
      previous = key;
    }
    return true;
  }

  /** A new block behind all others. */
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

  /** The block where the price is, or would be. */
  #findBlock(key: number, price: Decimal): number {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    let low = 0;
    let high = last;
    while (low < high) {
      // The last block first: most changes belong there.
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

  // Few levels are moved, one by one: splice would allocate for every change.
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
    if (keys.length < BLOCK) return;
    const half = { keys: keys.splice(BLOCK / 2), levels: levels.splice(BLOCK / 2) };
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

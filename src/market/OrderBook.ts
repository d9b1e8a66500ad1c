import { compare, fractionDigits, isZero, toUnits } from './decimal.ts';
import type { Decimal } from './decimal.ts';
import type { BookUpdateKind, PriceLevel } from './marketData.ts';

/** What changes a book: the part of an OrderBookUpdate that it reads. */
export interface BookChange {
  readonly kind: BookUpdateKind;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/** Digits that a scaled price may have and still be exact in a double. */
const EXACT_DIGITS = 15;
/** So many entries are moved faster one by one than by splice. */
const FEW = 40;

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
    if (kind === 'snapshot') this.clear();
    if (this.#bids.size === 0 && this.#asks.size === 0) this.#scale = fittingScale(bids, asks);
    this.#bids.apply(bids, this.#scale);
    this.#asks.apply(asks, this.#scale);
  }

  /** The best `depth` levels of each side, best first. Costs `depth`, whatever the size of the book. */
  top(depth: number): { bids: PriceLevel[]; asks: PriceLevel[] } {
    return { bids: this.#bids.top(depth), asks: this.#asks.top(depth) };
  }

  get bestBid(): PriceLevel | undefined {
    return this.#bids.best;
  }

  get bestAsk(): PriceLevel | undefined {
    return this.#asks.best;
  }

  /** The best bid meets or passes the best ask: no venue's book looks so after a whole event. */
  get crossed(): boolean {
    const bid = this.#bids.best;
    const ask = this.#asks.best;
    return bid !== undefined && ask !== undefined && compare(bid.price, ask.price) >= 0;
  }

  /** How many levels each side has. */
  get size(): { readonly bids: number; readonly asks: number } {
    return { bids: this.#bids.size, asks: this.#asks.size };
  }

  clear(): void {
    this.#bids.clear();
    this.#asks.clear();
  }
}

/**
 * One side as parallel arrays, the best level last, since most changes happen near it. A key is the price as a scaled
 * integer (negative for asks, so that both sides ascend). Keys are never out of order, but prices with more digits than
 * a double holds may share one: where keys are equal and texts are not, the digits themselves decide.
 */
class BookSide {
  readonly #sign: 1 | -1;
  readonly #keys: number[] = [];
  readonly #levels: PriceLevel[] = [];

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  get size(): number {
    return this.#levels.length;
  }

  get best(): PriceLevel | undefined {
    return this.#levels.at(-1);
  }

  apply(changes: readonly PriceLevel[], scale: number): void {
    if (this.#levels.length === 0 && this.#load(changes, scale)) return;
    for (const level of changes) this.#set(level, toUnits(level.price, scale) * this.#sign);
  }

  top(depth: number): PriceLevel[] {
    const levels = this.#levels;
    const wanted = Math.max(0, levels.length - depth);
    const result: PriceLevel[] = [];
    for (let index = levels.length - 1; index >= wanted; index -= 1) {
      const level = levels[index];
      if (level !== undefined) result.push(level);
    }
    return result;
  }

  clear(): void {
    this.#keys.length = 0;
    this.#levels.length = 0;
  }

  /** Fills an empty side from levels as venues send them, best first. False, and still empty, where they are not so. */
  #load(levels: readonly PriceLevel[], scale: number): boolean {
    let previous: number | undefined;
    for (let index = levels.length - 1; index >= 0; index -= 1) {
      const level = levels[index];
      if (level === undefined) continue;
      const key = toUnits(level.price, scale) * this.#sign;
      if (isZero(level.size) || (previous !== undefined && previous >= key)) {
        this.clear();
        return false;
      }
      this.#keys.push(key);
      this.#levels.push(level);
      previous = key;
    }
    return true;
  }

  #set(level: PriceLevel, key: number): void {
    const index = this.#find(level.price, key);
    const found = this.#keys[index] === key && this.#sameAt(index, level.price);
    if (isZero(level.size)) {
      if (found) this.#removeAt(index);
    } else if (found) {
      this.#levels[index] = level;
    } else {
      this.#insertAt(index, key, level);
    }
  }

  /** The index of the first level that is not worse than the price. */
  #find(price: Decimal, key: number): number {
    const keys = this.#keys;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = keys[middle] ?? 0;
      if (there < key || (there === key && this.#compareAt(middle, price) < 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sameAt(index: number, price: Decimal): boolean {
    return this.#compareAt(index, price) === 0;
  }

  #compareAt(index: number, price: Decimal): number {
    const level = this.#levels[index];
    if (level === undefined) return 1;
    return level.price === price ? 0 : compare(level.price, price) * this.#sign;
  }

  // Few entries stand between most changes and the end: to move them one by one allocates nothing, as splice does.
  #insertAt(index: number, key: number, level: PriceLevel): void {
    const keys = this.#keys;
    const levels = this.#levels;
    if (keys.length - index > FEW) {
      keys.splice(index, 0, key);
      levels.splice(index, 0, level);
      return;
    }
    for (let place = keys.length; place > index; place -= 1) {
      keys[place] = keys[place - 1] ?? 0;
      levels[place] = levels[place - 1] ?? level;
    }
    keys[index] = key;
    levels[index] = level;
  }

  #removeAt(index: number): void {
    const keys = this.#keys;
    const levels = this.#levels;
    if (keys.length - index > FEW) {
      keys.splice(index, 1);
      levels.splice(index, 1);
      return;
    }
    for (let place = index + 1; place < keys.length; place += 1) {
      keys[place - 1] = keys[place] ?? 0;
      const level = levels[place];
      if (level !== undefined) levels[place - 1] = level;
    }
    keys.pop();
    levels.pop();
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

import { BookSide } from './BookSide.ts';
import { compare, fractionDigits } from './decimal.ts';
import type { BookUpdateKind, PriceLevel } from './marketData.ts';

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

/** One side of a book: prices and sizes as they were sent. They are exact decimals, so they stay text. */
class Side {
  #sizes = new Map();

  clear() {
    this.#sizes.clear();
  }

  put(levels) {
    for (const [price, size] of levels) {
      if (Number(size) === 0) this.#sizes.delete(price);
      else this.#sizes.set(price, size);
    }
  }

  /** From the lowest price up. */
  get levels() {
    return [...this.#sizes].toSorted(([one], [other]) => compareDecimals(one, other));
  }
}

/** A book that is kept from snapshots and deltas. */
export class Book {
  #bids = new Side();
  #asks = new Side();

  /** Takes an event of the type orderbook. A snapshot replaces the book at any time, a delta changes levels of it. */
  take({ kind, bids, asks }) {
    if (kind === 'snapshot') this.clear();
    this.#bids.put(bids);
    this.#asks.put(asks);
  }

  /** A book that the gateway restores may be wrong until the next snapshot: nobody should see it. */
  clear() {
    this.#bids.clear();
    this.#asks.clear();
  }

  /** The best bid comes first. */
  get bids() {
    return this.#bids.levels.toReversed();
  }

  /** The best ask comes first. */
  get asks() {
    return this.#asks.levels;
  }
}

/** Compares prices without rounding them. They are never negative, and have no leading zeros. */
function compareDecimals(one, other) {
  const [whole, fraction = ''] = one.split('.');
  const [otherWhole, otherFraction = ''] = other.split('.');
  return whole.length - otherWhole.length || compareText(whole, otherWhole) || compareText(fraction, otherFraction);
}

function compareText(one, other) {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

import { compare } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { PriceLevel } from '../../market/marketData.ts';
import { OrderBook } from '../../market/OrderBook.ts';
import type { BookChange } from '../../market/OrderBook.ts';
import type { DiffRange } from './DepthSequencer.ts';
import type { DepthSnapshot } from './restReplies.ts';

/** The worst price of each side from which on no level is known that has not changed; null: all levels are known. */
export interface KnownDepth {
  readonly bid: Decimal | null;
  readonly ask: Decimal | null;
}

/** A change of a book, with the numbers of its updates. */
export interface NumberedChange extends DiffRange {
  readonly delta: BookChange;
}

export interface BookCheckOptions {
  /** The book, as it is published. It is copied. */
  readonly book: OrderBook;
  /** The last update that it has. */
  readonly bookId: number;
  readonly known: KnownDepth;
  /** Levels of each side of the venue's snapshot; a side with fewer is whole. */
  readonly levels: number;
}

/**
 * `unknown`: the snapshot is too old to be compared. `shallow`: the book lacks levels that nobody could know, and is
 * right otherwise.
 */
export type CheckVerdict =
  | { readonly kind: 'equal' | 'shallow' | 'unknown' }
  /** One level that is wrong, at its price. */
  | { readonly kind: 'different'; readonly side: 'bid' | 'ask'; readonly price: Decimal };

const SIGNS = { bid: 1, ask: -1 } as const;

/**
 * Compares a book with a snapshot of the venue's, at the very update with which the snapshot ends: changes are noted
 * from before the snapshot is asked for until they have reached it. Levels of the change in the midst of which the
 * snapshot was made are left out, for they may be as before or after it.
 */
export class BookCheck {
  readonly #options: BookCheckOptions;
  readonly #book = new OrderBook();
  #bookId: number;
  #changes: NumberedChange[] = [];
  #reachedId: number;
  #awaited: { readonly id: number; readonly reached: () => void } | null = null;

  constructor(options: BookCheckOptions) {
    this.#options = options;
    this.#book.apply({ kind: 'snapshot', ...options.book.top(Number.POSITIVE_INFINITY) });
    this.#bookId = options.bookId;
    this.#reachedId = options.bookId;
  }

  /** A change was published. */
  note(change: NumberedChange): void {
    this.#changes.push(change);
    this.#reachedId = change.lastId;
    if (this.#awaited !== null && this.#reachedId >= this.#awaited.id) this.#awaited.reached();
  }

  /** Calls `reached` once the changes have reached this update. */
  whenReached(id: number, reached: () => void): void {
    if (this.#reachedId >= id) reached();
    else this.#awaited = { id, reached };
  }

  /** To be called once, when the changes have reached the snapshot. */
  compare({ lastUpdateId, bids, asks }: DepthSnapshot): CheckVerdict {
    if (lastUpdateId < this.#bookId) return { kind: 'unknown' };
    for (const { lastId, delta } of this.#changes) {
      if (lastId > lastUpdateId) break;
      this.#book.apply(delta);
      this.#bookId = lastId;
    }
    const straddling = this.#changes.find(({ lastId }) => lastId > lastUpdateId);
    const isExact = this.#bookId === lastUpdateId;
    if (!isExact && straddling === undefined) return { kind: 'unknown' };
    const doubtful = isExact ? undefined : straddling?.delta;
    const bid = this.#compareSide('bid', bids, doubtful?.bids ?? []);
    const ask = this.#compareSide('ask', asks, doubtful?.asks ?? []);
    if (bid.kind === 'different') return bid;
    return ask.kind === 'different' || bid.kind === 'equal' ? ask : bid;
  }

  #compareSide(side: 'bid' | 'ask', theirs: readonly PriceLevel[], doubtful: readonly PriceLevel[]): CheckVerdict {
    const { levels, known } = this.#options;
    const isBetter = (a: Decimal, b: Decimal): boolean => compare(a, b) * SIGNS[side] > 0;
    const top = this.#book.top(theirs.length + doubtful.length + 1);
    const last = theirs.length < levels ? undefined : theirs.at(-1);
    const reach = (side === 'bid' ? top.bids : top.asks).filter(({ price }) => !last || !isBetter(last.price, price));
    const ignored = byPrice(doubtful);
    const ours = byPrice(reach);
    const unmatched = new Map(ours);
    let kind: 'equal' | 'shallow' = 'equal';
    for (const [key, { price, size }] of byPrice(theirs)) {
      unmatched.delete(key);
      if (ignored.has(key)) continue;
      const own = ours.get(key);
      if (own !== undefined && compare(own.size, size) === 0) continue;
      const bound = known[side];
      if (own !== undefined || bound === null || !isBetter(bound, price)) return { kind: 'different', side, price };
      kind = 'shallow';
    }
    for (const [key, { price }] of unmatched) if (!ignored.has(key)) return { kind: 'different', side, price };
    return { kind };
  }
}

/** Prices that differ in trailing zeros only are one. */
function byPrice(levels: readonly PriceLevel[]): Map<string, PriceLevel> {
  return new Map(levels.map((level) => [level.price.replace(/\.0*$|(?<=\.\d*?)0+$/, ''), level]));
}

import { compare, decimal } from '../../market/decimal.ts';
import type { BookUpdateKind, OrderBookUpdate, PriceLevel } from '../../market/marketData.ts';

/** How a subscriber wants to see a book: how many levels a side, and as snapshots or deltas. */
export interface BookViewSpec {
  readonly depth: number;
  readonly kind: BookUpdateKind;
}

/** The book that a view is cut from. */
export interface BookSource {
  top(depth: number): { readonly bids: readonly PriceLevel[]; readonly asks: readonly PriceLevel[] };
}

const REMOVED = decimal('0');

/**
 * A book cut to a depth, for all the subscribers that asked for the same cut. A delta contains the changes of the cut
 * itself, including levels that moved into or out of it, so that a client which applies the deltas holds exactly the
 * best `depth` levels. Every event of the stream yields one event of the view, even an empty one, so that sequences
 * have no holes.
 */
export class BookView {
  readonly spec: BookViewSpec;
  #bids: readonly PriceLevel[] = [];
  #asks: readonly PriceLevel[] = [];
  #latest: OrderBookUpdate | null = null;

  constructor(spec: BookViewSpec) {
    this.spec = spec;
  }

  /** The event as this view's subscribers get it. The event has already been applied to `book`. */
  next(event: OrderBookUpdate, book: BookSource): OrderBookUpdate {
    const { bids, asks } = book.top(this.spec.depth);
    const whole: OrderBookUpdate = { ...event, kind: 'snapshot', bids, asks };
    const known = this.#latest !== null && event.kind === 'delta';
    const seen: OrderBookUpdate =
      this.spec.kind === 'delta' && known
        ? { ...event, bids: difference(this.#bids, bids, -1), asks: difference(this.#asks, asks, 1) }
        : whole;
    this.#bids = bids;
    this.#asks = asks;
    this.#latest = whole;
    return seen;
  }

  /** The whole cut after the last event; null before the first. */
  get snapshot(): OrderBookUpdate | null {
    return this.#latest;
  }

  /** Starts the view from a book that is already known. */
  begin(latest: OrderBookUpdate, book: BookSource): void {
    this.next({ ...latest, kind: 'snapshot' }, book);
  }
}

/**
 * The changes that turn `before` into `after`; both are sorted best first. `direction` is 1 for ascending prices (asks)
 * and -1 for descending (bids).
 */
function difference(
  before: readonly PriceLevel[],
  after: readonly PriceLevel[],
  direction: 1 | -1,
): readonly PriceLevel[] {
  const changes: PriceLevel[] = [];
  let old = 0;
  let now = 0;
  for (;;) {
    const was = before[old];
    const is = after[now];
    if (was === undefined && is === undefined) return changes;
    const order = priceOrder(was, is, direction);
    if (order === 0) {
      if (was?.size !== is?.size && is !== undefined) changes.push(is);
      old += 1;
      now += 1;
    } else if (order < 0 && was !== undefined) {
      changes.push({ price: was.price, size: REMOVED });
      old += 1;
    } else if (is !== undefined) {
      changes.push(is);
      now += 1;
    }
  }
}

function priceOrder(was: PriceLevel | undefined, is: PriceLevel | undefined, direction: 1 | -1): number {
  if (was === undefined) return 1;
  if (is === undefined) return -1;
  return was.price === is.price ? 0 : compare(was.price, is.price) * direction;
}

/** One delta with the effect of both, one after the other. It has the time and sequence of the later one. */
export function mergeDeltas(earlier: OrderBookUpdate, later: OrderBookUpdate): OrderBookUpdate {
  return { ...later, bids: merged(earlier.bids, later.bids, -1), asks: merged(earlier.asks, later.asks, 1) };
}

function merged(
  earlier: readonly PriceLevel[],
  later: readonly PriceLevel[],
  direction: 1 | -1,
): readonly PriceLevel[] {
  if (earlier.length === 0) return later;
  if (later.length === 0) return earlier;
  const result: PriceLevel[] = [];
  let index = 0;
  for (const level of later) {
    for (let old = earlier[index]; old !== undefined; old = earlier[index]) {
      const order = compare(old.price, level.price) * direction;
      if (order > 0) break;
      if (order < 0) result.push(old);
      index += 1;
    }
    result.push(level);
  }
  result.push(...earlier.slice(index));
  return result;
}

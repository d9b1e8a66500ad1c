import { OrderBook } from '../market/OrderBook.ts';
import type { MarketData, OrderBookUpdate } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';

interface Known {
  latest: MarketData;
  readonly book: OrderBook | null;
}

/** The last value of every stream that is alive, and the whole book of those that carry one. */
export class MarketState {
  readonly #known = new Map<StreamKey, Known>();

  get size(): number {
    return this.#known.size;
  }

  /**
   * Takes an event in. `ignored`: the change of a book that is not known, or no longer. `crossed`: with it the book's best
   * bid would meet its best ask, so the book is forgotten and nothing may be told of it before its next snapshot.
   */
  apply(key: StreamKey, event: MarketData): 'applied' | 'ignored' | 'crossed' {
    const known = this.#known.get(key);
    if (event.type !== 'orderbook') {
      if (known === undefined) this.#known.set(key, { latest: event, book: null });
      else known.latest = event;
      return 'applied';
    }
    if (event.kind === 'delta' && known === undefined) return 'ignored';
    const book = known?.book ?? new OrderBook();
    book.apply(event);
    if (book.crossed) {
      this.#known.delete(key);
      return 'crossed';
    }
    if (known === undefined) this.#known.set(key, { latest: event, book });
    else known.latest = event;
    return 'applied';
  }

  latest(key: StreamKey): MarketData | null {
    return this.#known.get(key)?.latest ?? null;
  }

  /** The book of a stream and the last event that went into it; null while it is not in step with the venue. */
  book(key: StreamKey): { readonly latest: OrderBookUpdate; readonly book: OrderBook } | null {
    const known = this.#known.get(key);
    return known?.latest.type === 'orderbook' && known.book !== null
      ? { latest: known.latest, book: known.book }
      : null;
  }

  forget(key: StreamKey): void {
    this.#known.delete(key);
  }
}

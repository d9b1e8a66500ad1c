import type { StreamKey } from '../market/streamKey.ts';
import { OrderBook } from '../market/OrderBook.ts';
import type { MarketData, OrderBookUpdate } from '../market/marketData.ts';

/** The last value of one stream, but for trades, and the whole book where it carries one. */
export class StreamState {
  #latest: MarketData | null = null;
  #book: OrderBook | null = null;

  /**
   * Takes an event in. `ignored`: the change of a book that is not known, or no longer. `crossed`: with it the book's best
   * bid would meet its best ask, so the book is forgotten and nothing may be told of it before its next snapshot.
   */
  apply(event: MarketData): 'applied' | 'ignored' | 'crossed' {
    if (event.type === 'orderbook') {
      if (event.kind === 'delta' && this.#book === null) return 'ignored';
      this.#book ??= new OrderBook();
      this.#book.apply(event);
      if (this.#book.crossed) {
        this.forget();
        return 'crossed';
      }
    }
    // Whoever comes later is told of no trade again, and to keep each stream's last is half of what it costs to keep them.
    if (event.type !== 'trade') this.#latest = event;
    return 'applied';
  }

  /** The book itself; null where the stream carries none, or it is not in step with the venue. */
  get book(): OrderBook | null {
    return this.#book;
  }

  get latest(): MarketData | null {
    return this.#latest;
  }

  /** The book with the last event that went into it. */
  get knownBook(): { readonly latest: OrderBookUpdate; readonly book: OrderBook } | null {
    return this.#latest?.type === 'orderbook' && this.#book !== null
      ? { latest: this.#latest, book: this.#book }
      : null;
  }

  forget(): void {
    this.#latest = null;
    this.#book = null;
  }
}

/** What is known of every stream that is alive. */
export class MarketState {
  readonly #streams = new Map<StreamKey, StreamState>();

  get size(): number {
    return this.#streams.size;
  }

  /** A stream begins: nothing is known of it. Whoever opens it closes it. */
  open(key: StreamKey): StreamState {
    const state = new StreamState();
    this.#streams.set(key, state);
    return state;
  }

  close(key: StreamKey, state: StreamState): void {
    // One that has taken its place stays.
    if (this.#streams.get(key) === state) this.#streams.delete(key);
  }

  latest(key: StreamKey): MarketData | null {
    return this.#streams.get(key)?.latest ?? null;
  }

  /** The book of a stream and the last event that went into it; null while it is not in step with the venue. */
  book(key: StreamKey): StreamState['knownBook'] {
    return this.#streams.get(key)?.knownBook ?? null;
  }
}

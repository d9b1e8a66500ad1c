import type { MarketData, StreamKey } from '../market/marketData.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import { DeflateChains } from './DeflateChains.ts';
import { Emission } from './Emission.ts';
import type { Delivery } from './Emission.ts';

/** Who gets the events of a stream: in the stream's order. Never throws. */
export interface Subscriber {
  deliver(delivery: Delivery): void;
}

/** The last event of a book's stream, and the book itself. */
export interface KnownBook {
  readonly latest: MarketData & { readonly type: 'orderbook' };
  readonly book: BookSource;
}

/** How a subscriber sees a book, and the book where it is known already; null for every other stream. */
export type BookCut = { readonly view: BookViewSpec; readonly known: KnownBook | null } | null;

/** The subscribers of one stream who see it alike: one emission serves them all. */
export class Audience {
  readonly subscribers = new Set<Subscriber>();
  readonly #view: BookView | null;
  readonly #chains = new DeflateChains();

  constructor(cut: BookCut) {
    this.#view = cut === null ? null : new BookView(cut.view);
    if (cut !== null && cut.known !== null) this.#view?.begin(cut.known.latest, cut.known.book);
  }

  /** True where they see the stream so. */
  sees(spec: BookViewSpec | null): boolean {
    const own = this.#view?.spec;
    return own?.kind === spec?.kind && own?.depth === spec?.depth;
  }

  emission(key: StreamKey, event: MarketData, book: BookSource | null): Emission {
    const chains = this.#chains;
    if (this.#view === null || event.type !== 'orderbook' || book === null) return new Emission(key, event, { chains });
    const told = this.#view.next(event, book);
    return new Emission(key, told, { whole: told.kind === 'delta' ? this.#view.snapshot : null, chains });
  }

  /** The whole of what the view shows now, for whoever can't begin with a delta. */
  whole(key: StreamKey): Emission | null {
    const snapshot = this.#view?.snapshot ?? null;
    return snapshot === null ? null : new Emission(key, snapshot);
  }
}

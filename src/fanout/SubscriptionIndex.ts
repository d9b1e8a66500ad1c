import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import { Emission } from './Emission.ts';

/** Who gets the events of a stream: synchronously, in the stream's order. Never throws. */
export interface Subscriber {
  deliver(emission: Emission): void;
}

/** The last event of a book's stream, and the book itself. */
export interface KnownBook {
  readonly latest: MarketData & { readonly type: 'orderbook' };
  readonly book: BookSource;
}

/** The subscribers of one stream who see it alike: one emission serves them all. */
class Audience {
  readonly view: BookView | null;
  readonly subscribers = new Set<Subscriber>();

  constructor(view: BookView | null) {
    this.view = view;
  }

  emission(key: StreamKey, event: MarketData, book: BookSource | null): Emission {
    const { view } = this;
    if (view === null || event.type !== 'orderbook' || book === null) return new Emission(key, event);
    const told = view.next(event, book);
    return told.kind === 'delta' ? new Emission(key, told, () => this.#whole(key, told)) : new Emission(key, told);
  }

  /** The whole of what the view shows now, for whoever can't begin with a delta. */
  whole(key: StreamKey): Emission | null {
    const snapshot = this.view?.snapshot ?? null;
    return snapshot === null ? null : new Emission(key, snapshot);
  }

  #whole(key: StreamKey, otherwise: MarketData): Emission {
    return this.whole(key) ?? new Emission(key, otherwise);
  }
}

/**
 * Who listens to which stream. An event costs its deliveries and nothing else; where nobody listens it costs one look.
 * Owned by the composition root; subscribers own their memberships.
 */
export class SubscriptionIndex {
  readonly #streams = new Map<StreamKey, Map<string, Audience>>();

  /** Streams that somebody listens to. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * From now on the subscriber gets what is published of the stream. `view` cuts order books; null for everything else.
   * Of a book that is known already give it as `known`: the view begins there, and the whole of it is returned for the
   * subscriber to begin with.
   */
  join(
    key: StreamKey,
    subscriber: Subscriber,
    cut: { readonly view: BookViewSpec; readonly known: KnownBook | null } | null = null,
  ): { readonly membership: Disposable; readonly snapshot: Emission | null } {
    const audiences = this.#streams.get(key) ?? new Map<string, Audience>();
    this.#streams.set(key, audiences);
    const name = cut === null ? '' : `${cut.view.kind} ${cut.view.depth}`;
    let audience = audiences.get(name);
    if (audience === undefined) {
      audience = new Audience(cut === null ? null : new BookView(cut.view));
      if (cut !== null && cut.known !== null) audience.view?.begin(cut.known.latest, cut.known.book);
      audiences.set(name, audience);
    }
    audience.subscribers.add(subscriber);
    return { membership: this.#membership(key, name, subscriber), snapshot: audience.whole(key) };
  }

  publish(key: StreamKey, event: MarketData, book: BookSource | null): void {
    const audiences = this.#streams.get(key);
    if (audiences === undefined) return;
    for (const audience of audiences.values()) {
      const emission = audience.emission(key, event, book);
      for (const subscriber of audience.subscribers) subscriber.deliver(emission);
    }
  }

  #membership(key: StreamKey, name: string, subscriber: Subscriber): Disposable {
    return {
      [Symbol.dispose]: () => {
        const audiences = this.#streams.get(key);
        const audience = audiences?.get(name);
        if (audiences === undefined || audience === undefined || !audience.subscribers.delete(subscriber)) return;
        if (audience.subscribers.size === 0) audiences.delete(name);
        if (audiences.size === 0) this.#streams.delete(key);
      },
    };
  }
}

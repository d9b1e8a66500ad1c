import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import { Burst } from './Burst.ts';
import { DeflateChains } from './DeflateChains.ts';
import { Emission } from './Emission.ts';
import type { Delivery } from './Emission.ts';
import type { Spread, Turn } from './Turn.ts';

/** Who gets the events of a stream: in the stream's order. Never throws. */
export interface Subscriber {
  deliver(delivery: Delivery): void;
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
  readonly #chains = new DeflateChains();

  constructor(view: BookView | null) {
    this.view = view;
  }

  emission(key: StreamKey, event: MarketData, book: BookSource | null): Emission {
    const { view } = this;
    const chains = this.#chains;
    if (view === null || event.type !== 'orderbook' || book === null) return new Emission(key, event, { chains });
    const told = view.next(event, book);
    const fresh = told.kind === 'delta' ? () => this.#whole(key, told) : null;
    return new Emission(key, told, { fresh, chains });
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

/** Frames of so many events are gathered at most. */
const MAX_RUN = 64;

/** What one audience gets in one turn, as long as nothing for anybody else comes between. */
class Run implements Spread {
  readonly #audience: Audience;
  readonly #emissions: [Emission, ...Emission[]];
  #handed = false;

  constructor(audience: Audience, first: Emission) {
    this.#audience = audience;
    this.#emissions = [first];
  }

  get isHanded(): boolean {
    return this.#handed;
  }

  /** False where the emission can't be a part of it any more. */
  add(audience: Audience, emission: Emission): boolean {
    if (this.#handed || this.#audience !== audience || this.#emissions.length >= MAX_RUN) return false;
    this.#emissions.push(emission);
    return true;
  }

  hand(): void {
    this.#handed = true;
    const emissions = this.#emissions;
    const delivery = emissions.length === 1 ? emissions[0] : new Burst(emissions);
    for (const subscriber of this.#audience.subscribers) subscriber.deliver(delivery);
  }
}

/**
 * Who listens to which stream. An event costs its deliveries and nothing else; where nobody listens it costs one look.
 * What is published is handed out at the end of the turn, all that came for one audience together. Owned by the composition
 * root; subscribers own their memberships.
 */
export class SubscriptionIndex {
  readonly #turn: Pick<Turn, 'spread' | 'end'>;
  readonly #streams = new Map<StreamKey, Map<string, Audience>>();
  /** What was published last. */
  #run: Run | null = null;

  constructor(turn: Pick<Turn, 'spread' | 'end'>) {
    this.#turn = turn;
  }

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
    // What was published before is known to whoever joins, and not told again.
    if (this.#run?.isHanded === false) this.#turn.end();
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
      if (this.#run?.add(audience, emission)) continue;
      this.#run = new Run(audience, emission);
      this.#turn.spread(this.#run);
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

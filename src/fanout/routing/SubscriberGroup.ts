import { DeflateChains } from '../frames/DeflateChain.ts';
import { SharedBatch, SharedEvent } from '../frames/SharedEvent.ts';
import type { SharedUpdate } from '../frames/SharedEvent.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import type { Dispatchable, FlushScheduler } from './FlushScheduler.ts';
import type { MarketData } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';

/** Who gets the events of a stream: in the stream's order. Never throws. */
export interface Subscriber {
  deliver(update: SharedUpdate): void;
}

/** The last event of a book's stream, and the book itself. */
export interface KnownBook {
  readonly latest: MarketData & { readonly type: 'orderbook' };
  readonly book: BookSource;
}

/** How a subscriber sees a book, and the book where it is known already; null for every other stream. */
export type BookCut = { readonly view: BookViewSpec; readonly known: KnownBook | null } | null;

/** The subscribers of one stream who see it alike: one emission serves them all. */
export class SubscriberGroup {
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

  sharedEvent(key: StreamKey, event: MarketData, book: BookSource | null): SharedEvent {
    const chains = this.#chains;
    if (this.#view === null || event.type !== 'orderbook' || book === null)
      return new SharedEvent(key, event, { chains });
    const seen = this.#view.next(event, book);
    return new SharedEvent(key, seen, { whole: seen.kind === 'delta' ? this.#view.snapshot : null, chains });
  }

  /** The whole of what the view shows now, for whoever can't begin with a delta. */
  whole(key: StreamKey): SharedEvent | null {
    const snapshot = this.#view?.snapshot ?? null;
    return snapshot === null ? null : new SharedEvent(key, snapshot);
  }
}

/** Frames of so many events are gathered at most. */
const MAX_BATCH = 64;

/** What one audience gets in one turn, as long as nothing for anybody else comes between. */
class Batch implements Dispatchable {
  readonly #audience: SubscriberGroup;
  readonly #emissions: [SharedEvent, ...SharedEvent[]];
  #dispatched = false;

  constructor(group: SubscriberGroup, first: SharedEvent) {
    this.#audience = group;
    this.#emissions = [first];
  }

  get isDispatched(): boolean {
    return this.#dispatched;
  }

  /** False where the emission can't be a part of it any more. */
  add(group: SubscriberGroup, sharedEvent: SharedEvent): boolean {
    if (this.#dispatched || this.#audience !== group || this.#emissions.length >= MAX_BATCH) return false;
    this.#emissions.push(sharedEvent);
    return true;
  }

  dispatch(): void {
    this.#dispatched = true;
    const events = this.#emissions;
    const update = events.length === 1 ? events[0] : new SharedBatch(events);
    for (const subscriber of this.#audience.subscribers) subscriber.deliver(update);
  }
}

/** What has been published and is to be handed out at the end of the turn: all that came for one audience together. */
export class Batches {
  readonly #scheduler: Pick<FlushScheduler, 'dispatchLater' | 'flushNow'>;
  #last: Batch | null = null;

  constructor(scheduler: Pick<FlushScheduler, 'dispatchLater' | 'flushNow'>) {
    this.#scheduler = scheduler;
  }

  add(group: SubscriberGroup, sharedEvent: SharedEvent): void {
    if (this.#last?.add(group, sharedEvent) === true) return;
    this.#last = new Batch(group, sharedEvent);
    this.#scheduler.dispatchLater(this.#last);
  }

  /** What was published before is handed out before anything else happens. */
  dispatchNow(): void {
    if (this.#last?.isDispatched === false) this.#scheduler.flushNow();
  }
}

import { DeflateChains } from '../frames/DeflateChain.ts';
import { SharedBatch, SharedEvent } from '../frames/SharedEvent.ts';
import type { SharedUpdate } from '../frames/SharedEvent.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import type { Dispatchable, FlushScheduler } from './FlushScheduler.ts';
import type { MarketData } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';

/** Receives the events of a stream, in order. `deliver` never throws. */
export interface Subscriber {
  deliver(update: SharedUpdate): void;
}

/** A book, and the last event that was applied to it. */
export interface KnownBook {
  readonly latest: MarketData & { readonly type: 'orderbook' };
  readonly book: BookSource;
}

/** How a subscriber sees a book, and the book if it is already known. Null for every other kind of stream. */
export type BookCut = { readonly view: BookViewSpec; readonly known: KnownBook | null } | null;

/** The subscribers of one stream that see it the same way: the same event object serves them all. */
export class SubscriberGroup {
  readonly subscribers = new Set<Subscriber>();
  readonly #view: BookView | null;
  readonly #chains = new DeflateChains();

  constructor(cut: BookCut) {
    this.#view = cut === null ? null : new BookView(cut.view);
    if (cut !== null && cut.known !== null) this.#view?.begin(cut.known.latest, cut.known.book);
  }

  /** True if the group sees the stream this way. */
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

  /** The whole book as the group sees it now, for a subscriber that can't start with a delta. */
  whole(key: StreamKey): SharedEvent | null {
    const snapshot = this.#view?.snapshot ?? null;
    return snapshot === null ? null : new SharedEvent(key, snapshot);
  }
}

/** The most events whose frames are joined. */
const MAX_BATCH = 64;

/** Consecutive events of one turn for the same group. */
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

  /** Returns false if the event can't be part of this batch any more. */
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

/** What has been published in this turn and not dispatched yet, gathered by group. */
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

  /** Dispatches everything that was published so far. */
  dispatchNow(): void {
    if (this.#last?.isDispatched === false) this.#scheduler.flushNow();
  }
}

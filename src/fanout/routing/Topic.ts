import { DeflateChains } from '../frames/DeflateChain.ts';
import { SharedBatch, SharedEvent } from '../frames/SharedEvent.ts';
import type { SharedUpdate } from '../frames/SharedEvent.ts';
import { BookView } from './BookView.ts';
import type { BookSource, BookViewSpec } from './BookView.ts';
import type { Dispatchable, FlushScheduler } from './FlushScheduler.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';

const NOBODY: readonly SubscriberGroup[] = [];

/** One stream and its subscribers. Publishing an event that nobody subscribes to costs almost nothing. */
export class Topic {
  readonly key: StreamKey;
  readonly #batches: Batches;
  #groups = NOBODY;
  /** The publishers of the stream: one, or two for a moment while one replaces the other. */
  readonly sources = new Set<Disposable>();

  constructor(key: StreamKey, batches: Batches) {
    this.key = key;
    this.#batches = batches;
  }

  get isHeard(): boolean {
    return this.#groups.length > 0;
  }

  /**
   * `book` is the stream's book with the event already applied; null if the stream is no book. Returns what its
   * subscribers get, the last of them if they see it in several ways; null if there are none.
   */
  publish(event: MarketData, book: BookSource | null): SharedEvent | null {
    let sharedEvent: SharedEvent | null = null;
    for (const group of this.#groups) {
      sharedEvent = group.sharedEvent(this.key, event, book);
      this.#batches.add(group, sharedEvent);
    }
    return sharedEvent;
  }

  /** Returns the group that sees the stream this way, and makes it if there is none. */
  group(cut: BookCut): SubscriberGroup {
    const known = this.#groups.find((group) => group.sees(cut?.view ?? null));
    if (known !== undefined) return known;
    const made = new SubscriberGroup(cut);
    this.#groups = [...this.#groups, made];
    return made;
  }

  /** The promises that resolve when subscribers that are full have room for more. */
  rooms(): readonly Promise<void>[] {
    return this.#groups.flatMap(({ subscribers }) => [...subscribers].flatMap((each) => each.room?.() ?? []));
  }

  /** Removes a group that has no subscribers left. */
  drop(group: SubscriberGroup): void {
    const left = this.#groups.filter((each) => each !== group);
    this.#groups = left.length === 0 ? NOBODY : left;
  }
}

/** Receives the events of a stream, in order. `deliver` never throws. */
export interface Subscriber {
  deliver(update: SharedUpdate): void;
  /** Resolves when more can be delivered without waiting for the client; null if it can at once. @default null */
  room?(): Promise<void> | null;
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
    const shared = { chains: this.#chains, isForMany: this.subscribers.size > 1 };
    if (this.#view === null || event.type !== 'orderbook' || book === null) return new SharedEvent(key, event, shared);
    const seen = this.#view.next(event, book);
    return new SharedEvent(key, seen, { whole: seen.kind === 'delta' ? this.#view.snapshot : null, ...shared });
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
  readonly #group: SubscriberGroup;
  readonly #events: [SharedEvent, ...SharedEvent[]];
  #dispatched = false;

  constructor(group: SubscriberGroup, first: SharedEvent) {
    this.#group = group;
    this.#events = [first];
  }

  get isDispatched(): boolean {
    return this.#dispatched;
  }

  /** Returns false if the event can't be part of this batch any more. */
  add(group: SubscriberGroup, sharedEvent: SharedEvent): boolean {
    if (this.#dispatched || this.#group !== group || this.#events.length >= MAX_BATCH) return false;
    this.#events.push(sharedEvent);
    return true;
  }

  dispatch(): void {
    this.#dispatched = true;
    const events = this.#events;
    const update = events.length === 1 ? events[0] : new SharedBatch(events);
    for (const subscriber of this.#group.subscribers) subscriber.deliver(update);
  }
}

/** Gathers the events of this turn that are not dispatched yet, by group. */
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

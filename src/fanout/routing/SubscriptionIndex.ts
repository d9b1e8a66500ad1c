import type { SharedEvent } from '../frames/SharedEvent.ts';
import type { BookSource } from './BookView.ts';
import type { FlushScheduler } from './FlushScheduler.ts';
import { SubscriberGroup, Batches } from './SubscriberGroup.ts';
import type { BookCut, Subscriber } from './SubscriberGroup.ts';
import type { MarketData } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';

/**
 * Knows who subscribes to which stream. A publisher holds the stream's topic, which leads straight to the subscribers:
 * an event costs its deliveries and no lookup. Events are dispatched at the end of the turn of the event loop. The
 * composition root owns the index, and subscribers own their memberships.
 */
export class SubscriptionIndex {
  readonly #batches: Batches;
  readonly #topics = new Map<StreamKey, Topic>();

  constructor(scheduler: Pick<FlushScheduler, 'dispatchLater' | 'flushNow'>) {
    this.#batches = new Batches(scheduler);
  }

  /** The number of streams that have a publisher or a subscriber. */
  get size(): number {
    return this.#topics.size;
  }

  /** Opens the stream for a publisher, until `source` is disposed of. */
  open(key: StreamKey): { readonly topic: Topic; readonly source: Disposable } {
    const topic = this.#topic(key);
    const source: Disposable = {
      [Symbol.dispose]: () => {
        if (topic.sources.delete(source)) this.#forget(topic);
      },
    };
    topic.sources.add(source);
    return { topic, source };
  }

  /**
   * The subscriber gets everything that is published in the stream from now on. `cut` is for order books: if the book
   * is already known, the whole of it is returned as the subscriber's first event.
   */
  join(
    key: StreamKey,
    subscriber: Subscriber,
    cut: BookCut = null,
  ): { readonly membership: Disposable; readonly snapshot: SharedEvent | null } {
    // A new subscriber already knows what was published before, and must not get it again.
    this.#batches.dispatchNow();
    const topic = this.#topic(key);
    const group = topic.group(cut);
    group.subscribers.add(subscriber);
    return { membership: this.#membership(topic, group, subscriber), snapshot: group.whole(key) };
  }

  #topic(key: StreamKey): Topic {
    const known = this.#topics.get(key);
    if (known !== undefined) return known;
    const made = new Topic(key, this.#batches);
    this.#topics.set(key, made);
    return made;
  }

  #membership(topic: Topic, group: SubscriberGroup, subscriber: Subscriber): Disposable {
    return {
      [Symbol.dispose]: () => {
        if (!group.subscribers.delete(subscriber) || group.subscribers.size > 0) return;
        topic.drop(group);
        this.#forget(topic);
      },
    };
  }

  #forget(topic: Topic): void {
    if (topic.sources.size === 0 && !topic.isHeard) this.#topics.delete(topic.key);
  }
}

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

  /** `book` is the stream's book with the event already applied; null if the stream is no book. */
  publish(event: MarketData, book: BookSource | null): void {
    for (const group of this.#groups) this.#batches.add(group, group.sharedEvent(this.key, event, book));
  }

  /** Returns the group that sees the stream this way, and makes it if there is none. */
  group(cut: BookCut): SubscriberGroup {
    const known = this.#groups.find((group) => group.sees(cut?.view ?? null));
    if (known !== undefined) return known;
    const made = new SubscriberGroup(cut);
    this.#groups = [...this.#groups, made];
    return made;
  }

  /** Removes a group that has no subscribers left. */
  drop(group: SubscriberGroup): void {
    const left = this.#groups.filter((each) => each !== group);
    this.#groups = left.length === 0 ? NOBODY : left;
  }
}

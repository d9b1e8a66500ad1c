import type { SharedEvent } from '../frames/SharedEvent.ts';
import type { FlushScheduler } from './FlushScheduler.ts';
import { Batches, Topic } from './Topic.ts';
import type { BookCut, Subscriber, SubscriberGroup } from './Topic.ts';
import type { StreamKey } from '../../market/marketData.ts';

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

  /** Resolves when all subscribers of the stream have room for more; null if they have it now. */
  room(key: StreamKey): Promise<unknown> | null {
    const waiting = this.#topics.get(key)?.rooms() ?? [];
    return waiting.length === 0 ? null : Promise.all(waiting);
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

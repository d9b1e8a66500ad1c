import type { SharedEvent } from '../frames/SharedEvent.ts';
import type { BookSource } from './BookView.ts';
import type { FlushScheduler } from './FlushScheduler.ts';
import { SubscriberGroup, Batches } from './SubscriberGroup.ts';
import type { BookCut, Subscriber } from './SubscriberGroup.ts';
import type { MarketData } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';

/**
 * Who listens to which stream. Whoever publishes holds the stream's topic, which leads to its listeners: an event costs its
 * deliveries and nothing else. What is published is handed out at the end of the turn. Owned by the composition root;
 * subscribers own their memberships.
 */
export class SubscriptionIndex {
  readonly #batches: Batches;
  readonly #topics = new Map<StreamKey, Topic>();

  constructor(scheduler: Pick<FlushScheduler, 'dispatchLater' | 'flushNow'>) {
    this.#batches = new Batches(scheduler);
  }

  /** Streams that somebody publishes in or listens to. */
  get size(): number {
    return this.#topics.size;
  }

  /** For whoever publishes in the stream, until `source` is disposed of. */
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
   * From now on the subscriber gets what is published of the stream. `cut` is for order books. Of a book that is known
   * already the view begins there, and the whole of it is returned for the subscriber to begin with.
   */
  join(
    key: StreamKey,
    subscriber: Subscriber,
    cut: BookCut = null,
  ): { readonly membership: Disposable; readonly snapshot: SharedEvent | null } {
    // What was published before is known to whoever joins, and not told again.
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

/** One stream, and all who listen to it. An event that nobody wants costs a look. */
export class Topic {
  readonly key: StreamKey;
  readonly #batches: Batches;
  #groups = NOBODY;
  /** Of those who publish in it: one, or for a moment two. */
  readonly sources = new Set<Disposable>();

  constructor(key: StreamKey, batches: Batches) {
    this.key = key;
    this.#batches = batches;
  }

  get isHeard(): boolean {
    return this.#groups.length > 0;
  }

  /** `book`: the stream's, with the event applied already; null for what is no book. */
  publish(event: MarketData, book: BookSource | null): void {
    for (const group of this.#groups) this.#batches.add(group, group.sharedEvent(this.key, event, book));
  }

  /** Those who see the stream so; the first of them begins it. */
  group(cut: BookCut): SubscriberGroup {
    const known = this.#groups.find((group) => group.sees(cut?.view ?? null));
    if (known !== undefined) return known;
    const made = new SubscriberGroup(cut);
    this.#groups = [...this.#groups, made];
    return made;
  }

  /** Nobody sees the stream so any more. */
  drop(group: SubscriberGroup): void {
    const left = this.#groups.filter((each) => each !== group);
    this.#groups = left.length === 0 ? NOBODY : left;
  }
}

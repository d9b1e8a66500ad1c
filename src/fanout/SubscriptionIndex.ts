import type { StreamKey } from '../market/marketData.ts';
import type { Audience, BookCut, Subscriber } from './Audience.ts';
import type { Emission } from './Emission.ts';
import { Runs } from './Runs.ts';
import { Topic } from './Topic.ts';
import type { Turn } from './Turn.ts';

/**
 * Who listens to which stream. Whoever publishes holds the stream's topic, which leads to its listeners: an event costs its
 * deliveries and nothing else. What is published is handed out at the end of the turn. Owned by the composition root;
 * subscribers own their memberships.
 */
export class SubscriptionIndex {
  readonly #runs: Runs;
  readonly #topics = new Map<StreamKey, Topic>();

  constructor(turn: Pick<Turn, 'spread' | 'end'>) {
    this.#runs = new Runs(turn);
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
  ): { readonly membership: Disposable; readonly snapshot: Emission | null } {
    // What was published before is known to whoever joins, and not told again.
    this.#runs.handOut();
    const topic = this.#topic(key);
    const audience = topic.audience(cut);
    audience.subscribers.add(subscriber);
    return { membership: this.#membership(topic, audience, subscriber), snapshot: audience.whole(key) };
  }

  #topic(key: StreamKey): Topic {
    const known = this.#topics.get(key);
    if (known !== undefined) return known;
    const made = new Topic(key, this.#runs);
    this.#topics.set(key, made);
    return made;
  }

  #membership(topic: Topic, audience: Audience, subscriber: Subscriber): Disposable {
    return {
      [Symbol.dispose]: () => {
        if (!audience.subscribers.delete(subscriber) || audience.subscribers.size > 0) return;
        topic.drop(audience);
        this.#forget(topic);
      },
    };
  }

  #forget(topic: Topic): void {
    if (topic.sources.size === 0 && !topic.isHeard) this.#topics.delete(topic.key);
  }
}

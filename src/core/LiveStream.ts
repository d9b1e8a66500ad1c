import type { Feed } from '../brokers/BaseBroker.ts';
import type { FeedEvent, FeedEventDraft, MarketData } from '../market/marketData.ts';
import { streamKey } from '../market/streamKey.ts';
import type { StreamAddress, StreamKey } from '../market/streamKey.ts';

type WithoutPlace<T> = T extends unknown ? Omit<T, 'broker' | 'symbol' | 'sequence' | 'cursor'> : never;

/**
 * One life of one stream: from the first who wants it to the last who lingers. Its events are numbered from 1, and their
 * cursors differ from those of every other life.
 */
export class LiveStream {
  readonly address: StreamAddress;
  readonly key: StreamKey;
  readonly #life: string;
  #sequence = 0;

  constructor(address: StreamAddress, life: string) {
    this.address = address;
    this.key = streamKey(address);
    this.#life = life;
  }

  /** Gives an event its place in the stream. */
  stamp<T extends WithoutPlace<MarketData>>(
    draft: T,
  ): T & { broker: string; symbol: string; sequence: number; cursor: string } {
    const { broker, symbol } = this.address;
    this.#sequence += 1;
    return { ...draft, broker, symbol, sequence: this.#sequence, cursor: `${this.#life}.${this.#sequence}` };
  }
}

/** A stream that a venue feeds. */
export class FedStream extends LiveStream {
  readonly feed: Feed;
  /** Subscriptions that want it now. */
  interests = 0;
  /** Runs while nobody wants it any more. */
  linger: Disposable | null = null;

  constructor(address: StreamAddress, feed: Feed, life: string) {
    super(address, life);
    this.feed = feed;
  }

  number(draft: FeedEventDraft): FeedEvent {
    return this.stamp(draft);
  }
}

import type { Limits } from '../core/Limits.ts';
import type { Clock } from '../shared/clock.ts';
import { MinuteCount } from '../shared/MinuteCount.ts';
import { TokenBucket } from '../shared/TokenBucket.ts';

export type RateLimits = Pick<Limits, 'messagesPerSecond' | 'invalidMessagesPerMinute' | 'subscriptionsPerConnection'>;

/** How fast one client may send messages, and how long it is borne that sends them faster. */
export class MessageRate {
  readonly #bucket: TokenBucket;
  readonly #refused: MinuteCount;
  readonly #ignored: MinuteCount;

  constructor(clock: Clock) {
    this.#bucket = new TokenBucket(clock);
    this.#refused = new MinuteCount(clock);
    this.#ignored = new MinuteCount(clock);
  }

  /** 0 where the next message may be obeyed, else the milliseconds until one may be. */
  take({ messagesPerSecond }: RateLimits): number {
    return this.#bucket.take(messagesPerSecond);
  }

  /** Another operation was refused. False where it is too much: more within a minute than it may have open at a time. */
  refused({ subscriptionsPerConnection }: RateLimits): boolean {
    return this.#refused.add(subscriptionsPerConnection);
  }

  /** Another message was ignored. False where it is too much. */
  ignored({ invalidMessagesPerMinute }: RateLimits): boolean {
    return this.#ignored.add(invalidMessagesPerMinute);
  }
}

import type { Limits } from '../core/Limits.ts';
import type { Clock } from '../shared/clock.ts';
import { TokenBucket } from '../shared/TokenBucket.ts';

export type RateLimits = Pick<Limits, 'messagesPerSecond' | 'invalidMessagesPerMinute' | 'subscriptionsPerConnection'>;

const MINUTE_MS = 60_000;

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

/** Keeps no more moments than there may be. */
class MinuteCount {
  readonly #clock: Clock;
  #moments: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False, and not counted, where there are as many as may be. */
  add(most: number): boolean {
    const now = this.#clock.monotonic();
    this.#moments = this.#moments.filter((at) => now - at < MINUTE_MS);
    if (this.#moments.length >= most) return false;
    this.#moments.push(now);
    return true;
  }
}

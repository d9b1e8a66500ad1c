import type { Services } from '../core/Services.ts';
import { GatewayError } from '../shared/errors.ts';
import { TokenBucket } from './TokenBucket.ts';

const MINUTE_MS = 60_000;

/** What one client may ask of the gateway's time: how many messages a second, and how many bad ones a minute. */
export class MessageGuard {
  /** The limits are read at each use: they may change while a client is connected. */
  readonly #services: Pick<Services, 'clock' | 'limits'>;
  readonly #messages: TokenBucket;
  readonly #refusals: TokenBucket;
  /** Monotonic times of the bad messages of the last minute, oldest first. */
  #bad: number[] = [];

  constructor(services: Pick<Services, 'clock' | 'limits'>) {
    this.#services = services;
    this.#messages = new TokenBucket(services.clock);
    this.#refusals = new TokenBucket(services.clock);
  }

  /**
   * Null where the client may be served; else RATE_LIMITED with the time to wait. As many refusals as the rate allows
   * messages are forgiven, the rest are `abuse`, to be counted as bad: who has been told to wait and goes on all the same.
   */
  admit(): { readonly error: GatewayError; readonly abuse: boolean } | null {
    const rate = this.#services.limits.messagesPerSecond;
    const retryAfterMs = this.#messages.take(rate);
    if (retryAfterMs === 0) return null;
    const error = new GatewayError(
      'RATE_LIMITED',
      `More than ${rate} messages a second; this one was not executed. Try again in ${retryAfterMs} ms.`,
      { retryAfterMs },
    );
    return { error, abuse: this.#refusals.take(rate) > 0 };
  }

  /** Counts a bad message. False where it is one too many within a minute. */
  countBad(): boolean {
    const now = this.#services.clock.monotonic();
    this.#bad = this.#bad.filter((at) => now - at < MINUTE_MS);
    this.#bad.push(now);
    return this.#bad.length <= this.#services.limits.invalidMessagesPerMinute;
  }
}

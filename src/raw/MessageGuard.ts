import type { Limits } from '../core/Limits.ts';
import type { Services } from '../core/Services.ts';
import { GatewayError } from '../shared/errors.ts';
import { MinuteCount } from '../shared/MinuteCount.ts';
import { TokenBucket } from '../shared/TokenBucket.ts';

export interface MessageGuardOptions extends Pick<Services, 'clock'> {
  /** Read at each use: they may change while a client is connected. */
  readonly limits: Pick<Limits, 'messagesPerSecond' | 'invalidMessagesPerMinute'>;
}

/** What one client may ask of the gateway's time: how many messages a second, and how many bad ones a minute. */
export class MessageGuard {
  readonly #options: MessageGuardOptions;
  readonly #messages: TokenBucket;
  readonly #refusals: TokenBucket;
  readonly #bad: MinuteCount;

  constructor(options: MessageGuardOptions) {
    this.#options = options;
    this.#messages = new TokenBucket(options.clock);
    this.#refusals = new TokenBucket(options.clock);
    this.#bad = new MinuteCount(options.clock);
  }

  /**
   * Null where the client may be served; else RATE_LIMITED with the time to wait. As many refusals as the rate allows
   * messages are forgiven, the rest are `abuse`, to be counted as bad: who has been told to wait and goes on all the same.
   */
  admit(): { readonly error: GatewayError; readonly abuse: boolean } | null {
    const rate = this.#options.limits.messagesPerSecond;
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
    return this.#bad.add(this.#options.limits.invalidMessagesPerMinute);
  }
}

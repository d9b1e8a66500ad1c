import { Backoff } from '../../shared/backoff.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Random } from '../../shared/random.ts';

/** A refusal of credentials, in words for a client. */
export interface CredentialsRefused {
  readonly reason: string;
  /** The venue has said so itself, in its own format; a status alone may come from anything between us and the venue. */
  readonly isOwnWords: boolean;
}

export interface RefusedAccessOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Time to ask the venue again. */
  readonly onRetry: () => void;
}

/** A venue that refuses is not to be pestered, and yet a mistake of its own may be over in seconds. */
const RETRY = { baseMs: 5_000, maxMs: 300_000 };

/**
 * Whether the venue refuses our credentials, and when it is asked again. Credentials that it has accepted before are
 * not given up because of one refusal: the venue may be mistaken for a moment, or something on the way to it. Owned by
 * OandaBroker.
 */
export class RefusedAccess implements Disposable {
  readonly #options: RefusedAccessOptions;
  readonly #backoff: Backoff;
  #reason: string | null = null;
  #retry: Disposable | null = null;

  constructor(options: RefusedAccessOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...RETRY, random: options.random });
  }

  /** Null if the venue does not refuse them, as far as is known. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Notes a refusal. One that is final is not tried again. Several of the same time count once. */
  refused(reason: string, isFinal: boolean): void {
    if (this.#retry !== null) return;
    const { clock, logger, onRetry } = this.#options;
    const isNews = this.#reason === null;
    this.#reason = reason;
    const delayMs = isFinal ? null : Math.round(this.#backoff.next());
    if (isNews) logger.warn({ reason, nextAttemptMs: delayMs }, 'the venue refuses the credentials');
    if (delayMs === null) return;
    this.#retry = clock.after(delayMs, () => {
      this.#retry = null;
      onRetry();
    });
  }

  /** The venue has answered a request that was made with the credentials. */
  accepted(): void {
    if (this.#reason !== null) this.#options.logger.info('the venue accepts the credentials again');
    this.#reason = null;
    this.#retry?.[Symbol.dispose]();
    this.#retry = null;
  }

  /** Data has flowed: a later refusal is a new one. */
  flowing(): void {
    this.#backoff.reset();
  }

  [Symbol.dispose](): void {
    this.#retry?.[Symbol.dispose]();
    this.#retry = null;
  }
}

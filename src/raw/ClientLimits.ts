import type { PartialLimits } from '../core/login/ApiKeyRing.ts';
import type { Limits } from '../core/Limits.ts';

type ClientLimitName =
  | 'messagesPerSecond'
  | 'invalidMessagesPerMinute'
  | 'subscriptionsPerConnection'
  | 'symbolsPerSubscription'
  | 'queueBytesPerConnection';

/** What one client may take: by its own login where that says so, else as everybody. Both are read at each use. */
export class ClientLimits implements Pick<Limits, ClientLimitName> {
  /** Of the login; null where it has none of its own. */
  own: PartialLimits | null;
  readonly #general: Limits;

  constructor(general: Limits, own: PartialLimits | null) {
    this.#general = general;
    this.own = own;
  }

  get messagesPerSecond(): number {
    return this.#of('messagesPerSecond');
  }

  get invalidMessagesPerMinute(): number {
    return this.#of('invalidMessagesPerMinute');
  }

  get subscriptionsPerConnection(): number {
    return this.#of('subscriptionsPerConnection');
  }

  get symbolsPerSubscription(): number {
    return this.#of('symbolsPerSubscription');
  }

  get queueBytesPerConnection(): number {
    return this.#of('queueBytesPerConnection');
  }

  #of(name: ClientLimitName): number {
    return this.own?.[name] ?? this.#general[name];
  }
}

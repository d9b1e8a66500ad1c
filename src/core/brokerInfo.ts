import type { BrokerAccess } from './subscription.ts';
import type { MarketDataType } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';

export const BROKER_STATES = ['disabled', 'connecting', 'connected', 'degraded', 'disconnected'] as const;
export type BrokerState = (typeof BROKER_STATES)[number];

/** How a broker stands, for whoever asked. */
export interface BrokerStanding {
  readonly state: BrokerState;
  readonly lastMessageAt: Timestamp | null;
  readonly reason: string | null;
}

/** What is told of a broker: the fields of the GraphQL type `Broker`. */
export interface BrokerInfo extends BrokerStanding {
  readonly id: string;
  readonly kind: string;
  readonly enabled: boolean;
  readonly requiresAuthentication: boolean;
  /** True where the client that asks has given working credentials. */
  readonly authenticated: boolean;
  readonly supportedTypes: readonly MarketDataType[];
  readonly synthetic: boolean;
}

export interface BrokerWatcherOptions {
  readonly access: BrokerAccess;
  readonly ids: readonly string[];
  readonly infoOf: (id: string) => BrokerInfo | undefined;
  readonly tell: (info: BrokerInfo) => void;
}

/** One client's view of the brokers' states: tells what has changed in it, and nothing that another client's did. */
export class BrokerWatcher implements Disposable {
  readonly #options: BrokerWatcherOptions;
  readonly #told = new Map<string, string>();
  readonly #access: Disposable;

  constructor(options: BrokerWatcherOptions) {
    this.#options = options;
    for (const id of options.ids) this.#remember(id);
    this.#access = options.access.watch((id) => {
      this.look(id);
    });
  }

  /** Something about this broker may have changed. */
  look(id: string): void {
    const before = this.#told.get(id);
    const info = this.#remember(id);
    if (info !== undefined && this.#told.get(id) !== before) this.#options.tell(info);
  }

  [Symbol.dispose](): void {
    this.#access[Symbol.dispose]();
  }

  #remember(id: string): BrokerInfo | undefined {
    const info = this.#options.infoOf(id);
    if (info === undefined) return undefined;
    const { state, reason, enabled, authenticated } = info;
    this.#told.set(id, JSON.stringify([state, reason, enabled, authenticated]));
    return info;
  }
}

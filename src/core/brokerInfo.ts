import type { BrokerStatus } from '../brokers/BaseBroker.ts';
import type { BrokerAccess } from './subscription.ts';
import type { MarketDataType } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { assertNever } from '../shared/errors.ts';

/** All states of a broker. */
export const BROKER_STATES = ['disabled', 'connecting', 'connected', 'degraded', 'disconnected'] as const;
/** The state of a broker. */
export type BrokerState = (typeof BROKER_STATES)[number];

/** The state of a broker, as one client sees it. */
export interface BrokerStanding {
  readonly state: BrokerState;
  readonly lastMessageAt: Timestamp | null;
  readonly reason: string | null;
}

/** Clients see this of a broker: the fields of the GraphQL type `Broker`. */
export interface BrokerInfo extends BrokerStanding {
  readonly id: string;
  readonly kind: string;
  readonly enabled: boolean;
  readonly requiresAuthentication: boolean;
  /** True if the client has given working credentials. */
  readonly authenticated: boolean;
  readonly supportedTypes: readonly MarketDataType[];
  readonly synthetic: boolean;
}

/** The state of a broker that is enabled. */
export function stateOf({ kind }: BrokerStatus): BrokerState {
  switch (kind) {
    case 'connecting':
    case 'connected':
    case 'degraded':
      return kind;
    case 'waiting':
    case 'closed':
      return 'disconnected';
    default:
      return assertNever(kind);
  }
}

/** The reason why a broker does not serve everything, in words for people; null if it does. */
export function outageOf(status: BrokerStatus): string | null {
  switch (status.kind) {
    case 'connected':
      return null;
    case 'degraded':
    case 'waiting':
      return status.reason;
    case 'connecting':
      return 'Connecting to the venue.';
    case 'closed':
      return 'Not connected.';
    default:
      return assertNever(status);
  }
}

/** Returns the sentence that clients are told of a broker's state: why it does not serve everything, or what else they should know. */
export function reasonOf(status: BrokerStatus): string | null {
  return status.kind === 'connected' ? (status.note ?? null) : outageOf(status);
}

export interface BrokerWatcherOptions {
  readonly access: BrokerAccess;
  readonly ids: readonly string[];
  readonly infoOf: (id: string) => BrokerInfo | undefined;
  readonly listener: (info: BrokerInfo) => void;
}

/**
 * One client's view of the brokers' states. It reports what changed in this view, and nothing about other clients'
 * accounts.
 */
export class BrokerWatcher implements Disposable {
  readonly #options: BrokerWatcherOptions;
  readonly #reported = new Map<string, string>();
  readonly #access: Disposable;

  constructor(options: BrokerWatcherOptions) {
    this.#options = options;
    for (const id of options.ids) this.#remember(id);
    this.#access = options.access.watch((id) => {
      this.check(id);
    });
  }

  /** Call this when something about the broker may have changed. */
  check(id: string): void {
    const before = this.#reported.get(id);
    const info = this.#remember(id);
    if (info !== undefined && this.#reported.get(id) !== before) this.#options.listener(info);
  }

  [Symbol.dispose](): void {
    this.#access[Symbol.dispose]();
  }

  #remember(id: string): BrokerInfo | undefined {
    const info = this.#options.infoOf(id);
    if (info === undefined) return undefined;
    const { state, reason, enabled, authenticated } = info;
    this.#reported.set(id, JSON.stringify([state, reason, enabled, authenticated]));
    return info;
  }
}

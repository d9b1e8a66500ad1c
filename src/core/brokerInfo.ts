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

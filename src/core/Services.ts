import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { Queries } from './Queries.ts';
import type { Subscriptions } from './Subscriptions.ts';

/** `limits` of the configuration: what one client, one address and the whole gateway may take. */
export interface Limits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly subscriptionsPerConnection: number;
  readonly symbolsPerSubscription: number;
  readonly messagesPerSecond: number;
  readonly invalidMessagesPerMinute: number;
  readonly queueBytesPerConnection: number;
  readonly queryDepth: number;
  readonly queryAliases: number;
  readonly queryTokens: number;
}

/** What both client protocols are given. */
export interface Services {
  readonly manager: BrokerManager;
  readonly subscriptions: Subscriptions;
  readonly queries: Queries;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: Limits;
}

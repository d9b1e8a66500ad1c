import type { IncomingMessage } from 'node:http';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { BrokerAuthenticator } from './BrokerAuthenticator.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { ClientLogins } from './login/ClientLogins.ts';
import type { KeyConnections } from './login/KeyConnections.ts';
import type { Queries } from './Queries.ts';
import type { Sessions } from './Sessions.ts';
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

/** Where a client speaks from. */
export interface ClientAddress {
  /** Whom limits count it for. */
  readonly address: string;
  /** Nobody in between can listen: it is on this machine, or TLS ends in front of the gateway. */
  readonly secure: boolean;
}

/** What both client protocols are given. */
export interface Services {
  readonly manager: BrokerManager;
  readonly subscriptions: Subscriptions;
  readonly queries: Queries;
  /** Who a client is to the gateway itself. */
  readonly logins: ClientLogins;
  readonly keyConnections: KeyConnections;
  readonly sessions: Sessions;
  readonly authenticator: BrokerAuthenticator;
  readonly clientOf: (request: IncomingMessage) => ClientAddress;
  /** `server.allowInsecureCredentials`: logins and credentials are taken over plain text from afar too. */
  readonly allowInsecureCredentials: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: Limits;
}

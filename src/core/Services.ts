import type { IncomingMessage } from 'node:http';
import type { FlushScheduler } from '../fanout/routing/FlushScheduler.ts';
import type { Clock } from '../shared/clock.ts';
import type { FairPool } from '../shared/FairPool.ts';
import type { FairTurns } from '../shared/FairTurns.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { BrokerAuthenticator } from './BrokerAuthenticator.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { ClientAddress, Limits } from './client.ts';
import type { HeapWatch } from '../shared/processLimits.ts';
import type { ClientLogins } from './login/ClientLogins.ts';
import type { KeyConnections } from './login/KeyConnections.ts';
import type { Queries } from './Queries.ts';
import type { Sessions } from './Sessions.ts';
import type { Subscriptions } from './Subscriptions.ts';

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
  /** A place for a connection that lasts, as a stream of events does, until disposed of. Throws LIMIT_EXCEEDED. */
  readonly holdConnection: (request: IncomingMessage) => Disposable;
  readonly heap: HeapWatch;
  /** `server.allowInsecureCredentials`: logins and credentials are taken over plain text from afar too. */
  readonly allowInsecureCredentials: boolean;
  /** Turns at the event loop, for what clients ask to be done. */
  readonly turns: FairTurns;
  /** Values of answers that are being made or wait to be read. */
  readonly answers: FairPool;
  /** Lets what one turn brings leave in one write a client. */
  readonly scheduler: FlushScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: Limits;
}

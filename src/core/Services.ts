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
import type { OperationAdmission } from '../shared/AdmissionControl.ts';
import type { ClientLogins } from './login/ClientLogins.ts';
import type { KeyConnections } from './login/apiKeys.ts';
import type { Queries } from './Queries.ts';
import type { Sessions } from './Sessions.ts';
import type { Subscriptions } from './Subscriptions.ts';

/** Everything that both client protocols are given. */
export interface Services {
  readonly manager: BrokerManager;
  readonly subscriptions: Subscriptions;
  readonly queries: Queries;
  /** Verifies who a client is. */
  readonly logins: ClientLogins;
  readonly keyConnections: KeyConnections;
  readonly sessions: Sessions;
  readonly authenticator: BrokerAuthenticator;
  readonly clientOf: (request: IncomingMessage) => ClientAddress;
  /** Reserves a place for a connection that lasts, until disposed of. Throws LIMIT_EXCEEDED. */
  readonly holdConnection: (request: IncomingMessage) => Disposable;
  readonly admission: OperationAdmission;
  /** `server.allowInsecureCredentials`: logins and credentials are accepted over plain text from other machines. */
  readonly allowInsecureCredentials: boolean;
  /** Turns of the event loop, shared fairly among clients. */
  readonly turns: FairTurns;
  /** The values of answers that are being made or wait to be read. */
  readonly answers: FairPool;
  /** Makes all events of one turn leave in one write for each client. */
  readonly scheduler: FlushScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Read at each use, because they may change. */
  readonly limits: Limits;
}

import { BrokerAuthenticator } from '../../src/core/BrokerAuthenticator.ts';
import type { BrokerManager } from '../../src/core/BrokerManager.ts';
import { CredentialVault } from '../../src/core/CredentialVault.ts';
import { ClientLogins } from '../../src/core/login/ClientLogins.ts';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import { KeyConnections } from '../../src/core/login/apiKeys.ts';
import type { Services } from '../../src/core/Services.ts';
import { Sessions } from '../../src/core/Sessions.ts';
import type { ClientConnections } from '../../src/http/ClientConnections.ts';
import type { FlushScheduler } from '../../src/fanout/routing/FlushScheduler.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { FairPool } from '../../src/shared/FairPool.ts';
import { FairTurns } from '../../src/shared/FairTurns.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { clientConnections } from './clientConnections.ts';

export interface ClientServicesOptions {
  readonly manager: BrokerManager;
  readonly scheduler: FlushScheduler;
  readonly clock?: Clock;
  readonly connections?: ClientConnections;
  readonly metrics?: Metrics;
  readonly auth?: Partial<AuthSettings>;
  readonly idleTimeoutMs?: number;
  /** If true, connections count as protected from eavesdroppers. */
  readonly secure?: boolean;
  /** If true, clients count as being on the same machine. @default true */
  readonly local?: boolean;
  readonly allowInsecureCredentials?: boolean;
}

type ClientServices = Pick<
  Services,
  | 'scheduler'
  | 'turns'
  | 'answers'
  | 'admission'
  | 'holdConnection'
  | 'logins'
  | 'keyConnections'
  | 'sessions'
  | 'authenticator'
  | 'clientOf'
  | 'allowInsecureCredentials'
>;

/** The services with which the protocols identify their clients: the real ones, which accept everybody by default. */
export function clientServices(options: ClientServicesOptions): ClientServices {
  const {
    manager,
    scheduler,
    clock = systemClock,
    connections = clientConnections(),
    metrics = new Metrics(),
    auth,
    idleTimeoutMs = 900_000,
    secure = true,
    local = true,
    allowInsecureCredentials = false,
  } = options;
  const sessions = new Sessions({ clock, idleTimeoutMs });
  return {
    scheduler,
    // Turns follow the real event loop, whatever the fake time is.
    turns: new FairTurns(systemClock),
    answers: new FairPool({ capacity: 2_000_000, perOwner: 400_000, perAsker: 100_000, free: 2_000 }),
    admission: { admitOperation: () => undefined },
    holdConnection: (request) => connections.hold(request),
    logins: new ClientLogins({
      auth: { mode: 'none', jwt: null, apiKeys: [], ...auth },
      clock,
      logger: silentLogger(),
      metrics,
    }),
    keyConnections: new KeyConnections(),
    sessions,
    authenticator: new BrokerAuthenticator({
      manager,
      sessions,
      vault: new CredentialVault(),
      clock,
      logger: silentLogger(),
      allowInsecure: allowInsecureCredentials,
    }),
    clientOf: (request) => ({ address: request.socket.remoteAddress ?? '', secure, local }),
    allowInsecureCredentials,
  };
}

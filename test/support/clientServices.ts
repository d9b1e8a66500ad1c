import { BrokerAuthenticator } from '../../src/core/BrokerAuthenticator.ts';
import type { BrokerManager } from '../../src/core/BrokerManager.ts';
import { CredentialVault } from '../../src/core/CredentialVault.ts';
import { ClientLogins } from '../../src/core/login/ClientLogins.ts';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import { KeyConnections } from '../../src/core/login/KeyConnections.ts';
import type { Services } from '../../src/core/Services.ts';
import { Sessions } from '../../src/core/Sessions.ts';
import type { Turn } from '../../src/fanout/Turn.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';

export interface ClientServicesOptions {
  readonly manager: BrokerManager;
  readonly turn: Turn;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  readonly auth?: Partial<AuthSettings>;
  readonly idleTimeoutMs?: number;
  /** Whether connections count as safe from listeners. */
  readonly secure?: boolean;
  readonly allowInsecureCredentials?: boolean;
}

type ClientServices = Pick<
  Services,
  'turn' | 'logins' | 'keyConnections' | 'sessions' | 'authenticator' | 'clientOf' | 'allowInsecureCredentials'
>;

/** What the protocols are given to know their clients by: the real parts, by default letting everybody in. */
export function clientServices(options: ClientServicesOptions): ClientServices {
  const {
    manager,
    turn,
    clock = systemClock,
    metrics = new Metrics(),
    auth,
    idleTimeoutMs = 900_000,
    secure = true,
    allowInsecureCredentials = false,
  } = options;
  const sessions = new Sessions({ clock, idleTimeoutMs });
  return {
    turn,
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
      allowInsecure: allowInsecureCredentials,
    }),
    clientOf: (request) => ({ address: request.socket.remoteAddress ?? '', secure }),
    allowInsecureCredentials,
  };
}

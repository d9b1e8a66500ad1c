import { TrustedProxies } from '../../src/http/clientAddress.ts';
import { ClientConnections } from '../../src/http/ClientConnections.ts';
import type { ClientConnectionsOptions } from '../../src/http/ClientConnections.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { LIMITS } from './limits.ts';

/** Connections with ordinary limits and no limit of sockets, unless a test says otherwise. */
export function clientConnections(options: Partial<ClientConnectionsOptions> = {}): ClientConnections {
  return new ClientConnections({
    limits: LIMITS,
    proxies: new TrustedProxies([]),
    maxSockets: null,
    refusal: () => null,
    clock: systemClock,
    ...options,
  });
}

import type { BrokerManager } from '../core/BrokerManager.ts';
import { NO_ACCESS } from '../core/subscription.ts';
import type { Clock } from '../shared/clock.ts';
import { readOnly, sendJson } from './respond.ts';
import type { RequestHandler } from './respond.ts';

/** How the bus does, as `/ready` tells it; any state but `ok` makes the gateway not ready. */
export interface BusHealth {
  readonly engine: 'memory' | 'redis';
  readonly state: string;
}

export interface HealthOptions {
  readonly manager: Pick<BrokerManager, 'brokers'>;
  readonly bus: () => BusHealth;
  /** True from the moment the gateway has been told to stop. */
  readonly draining: () => boolean;
  readonly clock: Clock;
  readonly version: string;
}

/** `/health`: the process serves. `/ready`: it can do useful work, and how every broker does (contract, section 2). */
export function createHealth(options: HealthOptions): {
  readonly health: RequestHandler;
  readonly ready: RequestHandler;
} {
  const { bus, clock, draining, manager, version } = options;
  const startedMs = clock.monotonic();
  return {
    health: readOnly((_request, response) => {
      const uptimeSeconds = Math.floor((clock.monotonic() - startedMs) / 1_000);
      sendJson(response, 200, { status: 'ok', uptimeSeconds, version });
    }),
    ready: readOnly((_request, response) => {
      const busHealth = bus();
      const isReady = !draining() && busHealth.state === 'ok';
      const brokers = Object.fromEntries(
        manager
          .brokers(NO_ACCESS)
          .map(({ id, state, lastMessageAt, reason }) => [id, { state: state.toUpperCase(), lastMessageAt, reason }]),
      );
      sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not-ready', brokers, bus: busHealth });
    }),
  };
}

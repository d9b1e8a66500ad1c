import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { MarketDataServer } from '../../src/MarketDataServer.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import type { Logger } from '../../src/shared/logger.ts';
import type { Replay } from '../../src/recording/Replay.ts';
import type { StandInBinance } from '../venues/binance/StandInBinance.ts';

export interface GatewayOptions {
  /** Merged over a configuration in which nothing runs but what is named here. */
  readonly config?: Record<string, unknown>;
  /** By default, streams at the venue are closed as soon as nobody wants them. */
  readonly lingerMs?: number;
  readonly clock?: Clock;
  /** @default one that writes nothing */
  readonly logger?: Logger;
  /** Is served in place of brokers. */
  readonly replay?: Replay;
}

const NO_BROKERS = { binance: null, oanda: null, 'mock-binance': null, 'mock-oanda': null };

/** Starts the whole gateway on a free port. */
export async function startGateway(options: GatewayOptions = {}): Promise<MarketDataServer> {
  const { config = {}, lingerMs = 0, clock = systemClock, logger = silentLogger(), replay } = options;
  return MarketDataServer.start({
    config: gatewayConfig(config),
    logger,
    version: '0.0.0',
    lingerMs,
    clock,
    ...(replay === undefined ? {} : { replay }),
  });
}

/** A configuration in which nothing runs but what is named here. */
export function gatewayConfig({ brokers, server, ...rest }: Record<string, unknown>): Config {
  const result = parseConfig(
    { ...rest, server: { port: 0, ...asMap(server) }, brokers: { ...NO_BROKERS, ...asMap(brokers) } },
    'test',
  );
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.config;
}

/** The configuration of a broker that is served by a stand-in. */
export function standInBroker(venue: StandInBinance, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { kind: 'binance', websocketUrl: venue.websocketUrl, restUrl: venue.restUrl, ...more };
}

function asMap(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

import { createHash } from 'node:crypto';
import type { MockSettings } from './oracle/MockTape.ts';
import type { Line } from './schedule.ts';

/** The key with which brokers are disabled and enabled. */
export const ADMIN_KEY = 'soak-admin-key';

/** The settings of the mock broker, in the gateway and in the oracle. */
export interface MockBrokerSettings {
  readonly seed: number;
  readonly ticksPerSecond: number;
  readonly symbols: Readonly<Record<string, string>>;
}

export function mockSettings({ symbols, seed, ticksPerSecond }: MockBrokerSettings): readonly MockSettings[] {
  return Object.entries(symbols).map(([symbol, price]) => ({ symbol, price, seed, ticksPerSecond }));
}

/** The gateway's configuration, without its port. */
export function configOf(
  lines: Readonly<Record<Line, { readonly port: number }>>,
  mock: MockBrokerSettings,
): Readonly<Record<string, unknown>> {
  const at = (protocol: string, { port }: { readonly port: number }): string => `${protocol}://127.0.0.1:${port}`;
  return {
    log: { pretty: false, level: 'info' },
    auth: { apiKeys: [{ id: 'soak', sha256: createHash('sha256').update(ADMIN_KEY).digest('hex'), roles: ['admin'] }] },
    limits: { connectionsPerAddress: 2_000 },
    feeds: { staleAfterMs: 3_000, reconnect: { baseMs: 200, maxMs: 2_000 } },
    brokers: {
      binance: { kind: 'binance', websocketUrl: at('ws', lines.binanceSocket), restUrl: at('http', lines.binanceRest) },
      oanda: { kind: 'oanda', streamUrl: at('http', lines.oandaStream), restUrl: at('http', lines.oandaRest) },
      'mock-binance': { kind: 'mock-binance', ...mock },
      'mock-oanda': null,
    },
  };
}

import { createHash } from 'node:crypto';
import type { StandingFault } from './oracle/BrokerHistory.ts';
import type { MockSettings } from './oracle/MockTape.ts';
import type { Line } from './schedule.ts';

/** The key with which brokers are disabled and enabled. */
export const ADMIN_KEY = 'soak-admin-key';

/** Mock brokers with the same markets: one that is always there, one that is added later, and one with faults of its own. */
export const MOCK_BROKERS = ['mock-binance', 'mock-late', 'mock-faulty'] as const;
/** Nothing happens to these by itself. */
export const STEADY_BROKERS: readonly string[] = ['mock-binance', 'mock-late'];

/** The settings of a mock broker, in the gateway and in the oracle. */
export interface MockBrokerSettings {
  readonly seed: number;
  readonly ticksPerSecond: number;
  readonly symbols: Readonly<Record<string, string>>;
}

const EVERY_MS = 60_000;

/** The faults of `mock-faulty`: each kind once a minute or more, one after the other. See docs/faults.md. */
const FAULTS = [
  { kind: 'duplicate', afterMs: 4_000, forMs: 3_000, everyMs: 30_000 },
  { kind: 'outOfOrder', afterMs: 9_000, forMs: 3_000, everyMs: 30_000 },
  { kind: 'gap', afterMs: 14_000, forMs: 2_000, everyMs: 30_000 },
  { kind: 'crossedBook', afterMs: 18_000, forMs: 1_000, everyMs: 30_000 },
  { kind: 'disconnect', afterMs: 24_000, forMs: 6_000, everyMs: EVERY_MS },
  { kind: 'halt', afterMs: 36_000, forMs: 7_000, everyMs: EVERY_MS },
  { kind: 'silence', afterMs: 47_000, forMs: 12_000, everyMs: EVERY_MS },
] as const;
const STATES = { disconnect: 'recovering', halt: 'closed' } as const;

/** The faults of which clients are told a state, by broker. */
export const STANDING_FAULTS: ReadonlyMap<string, readonly StandingFault[]> = new Map([
  [
    'mock-faulty',
    FAULTS.flatMap(({ kind, ...times }) =>
      kind === 'disconnect' || kind === 'halt' ? [{ state: STATES[kind], ...times }] : [],
    ),
  ],
]);

export function mockSettings({ symbols, seed, ticksPerSecond }: MockBrokerSettings): readonly MockSettings[] {
  return Object.entries(symbols).map(([symbol, price]) => ({ symbol, price, seed, ticksPerSecond }));
}

type Ports = Readonly<Record<Line, { readonly port: number }>>;
type Settings = Readonly<Record<string, unknown>>;

/** The gateway's configuration, without its port. */
export function configOf(lines: Ports, mock: MockBrokerSettings): Settings {
  return {
    log: { pretty: false, level: 'info' },
    auth: { apiKeys: [{ id: 'soak', sha256: createHash('sha256').update(ADMIN_KEY).digest('hex'), roles: ['admin'] }] },
    limits: { connectionsPerAddress: 2_000 },
    feeds: { staleAfterMs: 3_000, reconnect: { baseMs: 200, maxMs: 2_000 } },
    brokers: {
      binance: binance(lines, ''),
      oanda: oanda(lines),
      'mock-binance': { kind: 'mock-binance', ...mock },
      'mock-oanda': null,
    },
  };
}

/** The configuration of each gateway of a fleet, without its port. */
export function fleetConfigOf(venuePort: number, redisPort: number): Settings {
  const venue = { port: venuePort };
  return {
    log: { pretty: false, level: 'info' },
    limits: { connectionsPerAddress: 2_000 },
    feeds: { staleAfterMs: 3_000, reconnect: { baseMs: 100, maxMs: 1_000 } },
    bus: { engine: 'redis', redis: { url: `redis://127.0.0.1:${redisPort}` } },
    brokers: {
      binance: { kind: 'binance', websocketUrl: at('ws', venue), restUrl: at('http', venue) },
      oanda: null,
      'mock-binance': null,
      'mock-oanda': null,
    },
  };
}

/** A configuration that is edited while the gateway runs. No edit changes what a market does. */
export class EditedConfig {
  readonly #lines: Ports;
  readonly #mock: MockBrokerSettings;
  readonly removed = new Set<string>(['mock-late']);
  readonly disabled = new Set<string>();
  readonly #reopened = new Map<string, number>();
  #others = 0;

  constructor(lines: Ports, mock: MockBrokerSettings) {
    this.#lines = lines;
    this.#mock = mock;
  }

  /** Gives a broker other settings. */
  reopen(broker: string): void {
    this.#reopened.set(broker, (this.#reopened.get(broker) ?? 0) + 1);
  }

  /** Changes settings that concern no broker. */
  changeOthers(): void {
    this.#others += 1;
  }

  get settings(): Settings {
    const common = configOf(this.#lines, this.#mock);
    const isOdd = this.#others % 2 === 1;
    const all = Object.entries({
      binance: binance(this.#lines, this.#isOdd('binance') ? '/' : ''),
      oanda: oanda(this.#lines),
      'mock-binance': this.#mockBroker('mock-binance'),
      'mock-late': this.#mockBroker('mock-late'),
      'mock-faulty': { ...this.#mockBroker('mock-faulty'), faults: FAULTS },
    });
    const brokers = all.map(([id, settings]) => [
      id,
      this.removed.has(id) ? null : { ...settings, enabled: !this.disabled.has(id) },
    ]);
    return {
      ...common,
      log: { pretty: false, level: isOdd ? 'debug' : 'info' },
      limits: { connectionsPerAddress: isOdd ? 2_001 : 2_000, queryDepth: isOdd ? 11 : 10 },
      brokers: { ...Object.fromEntries(brokers), 'mock-oanda': null },
    };
  }

  #isOdd(broker: string): boolean {
    return (this.#reopened.get(broker) ?? 0) % 2 === 1;
  }

  /** One symbol more is another setting, and changes nothing for the others. */
  #mockBroker(id: string): Settings {
    const { symbols, ...mock } = this.#mock;
    const more = this.#isOdd(id) ? { SOLUSDT: '151.20' } : {};
    return { kind: 'mock-binance', ...mock, symbols: { ...symbols, ...more } };
  }
}

function binance(lines: Ports, end: string): Settings {
  const [websocketUrl, restUrl] = [at('ws', lines.binanceSocket), at('http', lines.binanceRest)];
  return { kind: 'binance', websocketUrl: `${websocketUrl}${end}`, restUrl };
}

function oanda(lines: Ports): Settings {
  return { kind: 'oanda', streamUrl: at('http', lines.oandaStream), restUrl: at('http', lines.oandaRest) };
}

function at(protocol: string, { port }: { readonly port: number }): string {
  return `${protocol}://127.0.0.1:${port}`;
}

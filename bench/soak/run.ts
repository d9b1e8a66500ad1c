import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/shared/random.ts';
import { EditedConfig, MOCK_BROKERS, mockSettings, STANDING_FAULTS, STEADY_BROKERS } from './config.ts';
import { SoakClient } from './clients/SoakClient.ts';
import { PLAIN_WISH, wishOf } from './clients/wishes.ts';
import type { Wish } from './clients/wishes.ts';
import { frameThief } from './frameThief.ts';
import { MemoryWatch } from './MemoryWatch.ts';
import type { MemoryVerdict } from './MemoryWatch.ts';
import type { SoakOptions } from './options.ts';
import { Auditor } from './oracle/Auditor.ts';
import { BrokerHistory } from './oracle/BrokerHistory.ts';
import { Oracle } from './oracle/Oracle.ts';
import { Violations } from './oracle/Violations.ts';
import { scheduleOf } from './schedule.ts';
import { ChaosProxy } from './world/ChaosProxy.ts';
import { Disturber } from './world/Disturber.ts';
import { Gateway } from './world/Gateway.ts';
import { nowMs } from './world/venueMessages.ts';
import { VenueProcess } from './world/VenueProcess.ts';

const BINANCE_SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
const OANDA_SYMBOLS = ['EUR_USD', 'USD_JPY'];
const MOCK = {
  seed: 5,
  ticksPerSecond: 5,
  symbols: { BTCUSDT: '43250.10', ETHUSDT: '2280.55' },
} as const;
const STEP_MS = 200;
const SETTLE_MS = 250;
/** At the end nothing is broken for so long, so that what is owed can come. */
const CALM_MS = 8_000;
const CALM_SHARE = 0.4;
/** It begins with these clients, the others follow one after the other. */
const FIRST_CLIENTS = 6;

export interface SoakResult {
  readonly violations: Violations;
  readonly faults: ReadonlyMap<string, number>;
  readonly events: number;
  readonly connects: number;
  readonly resumes: number;
  readonly gapsTold: number;
  readonly lives: number;
  readonly errors: ReadonlyMap<string, number>;
  /** How often clients were told which state, by broker. */
  readonly statesTold: ReadonlyMap<string, number>;
  readonly memory: MemoryVerdict;
  readonly clients: readonly ClientResult[];
}

interface ClientResult {
  readonly name: string;
  readonly wish: Wish;
  readonly events: number;
  readonly connects: number;
}

/** One client of the run with its line and its judge. */
interface Seat {
  readonly client: SoakClient;
  readonly auditor: Auditor;
}

/** Runs the whole soak: venues, gateway, faults, clients and oracle. Everything is gone when it resolves. */
export async function soak(options: SoakOptions, print: (line: string) => void): Promise<SoakResult> {
  await using owned = new AsyncDisposableStack();
  const { seed, totalMs } = options;
  const oracle = new Oracle(mockSettings(MOCK));
  const settings = { seed, stepMs: STEP_MS, binanceSymbols: BINANCE_SYMBOLS, oandaSymbols: OANDA_SYMBOLS };
  const venues = owned.use(
    await VenueProcess.start(settings, (report) => {
      oracle.take(report);
    }),
  );
  const { binancePort, oandaRestPort, oandaStreamPort, accounts } = venues.started;
  const lines = {
    binanceSocket: owned.use(await ChaosProxy.to(binancePort)),
    binanceRest: owned.use(await ChaosProxy.to(binancePort)),
    oandaStream: owned.use(await ChaosProxy.to(oandaStreamPort)),
    oandaRest: owned.use(await ChaosProxy.to(oandaRestPort)),
  };
  const history: { of: readonly string[] } = { of: [] };
  const violations = new Violations({ seed, folder: options.out, print, history: () => history.of });
  const folder = mkdtempSync(join(tmpdir(), 'tickgraph-soak-'));
  owned.defer(() => {
    rmSync(folder, { recursive: true });
  });
  const config = new EditedConfig(lines, MOCK);
  const brokers = new BrokerHistory(STANDING_FAULTS);
  const onFault = (text: string): void => {
    violations.add({ client: 'the gateway', text, details: gateway.log.slice(-40) });
  };
  const begun = MOCK_BROKERS.map((broker) => brokers.begins(broker, nowMs()));
  const gateway = owned.use(await Gateway.start({ folder, config: () => config.settings, onFault }));
  for (const hasBegun of begun) hasBegun(nowMs());
  const memory = new MemoryWatch(gateway);
  memory.start();

  const random = seededRandom(seed + 7);
  const choices = {
    binanceSymbols: BINANCE_SYMBOLS,
    mockSymbols: Object.keys(MOCK.symbols),
    oandaSymbols: OANDA_SYMBOLS,
    accounts,
  };
  const clients: SoakClient[] = [];
  const disturber = new Disturber({ gateway, venues, lines, clients, config, brokers, onFault });
  history.of = disturber.history;
  const seats: Seat[] = [];
  // Nothing happens to the one that is stolen from, so that nothing else explains what it lacks.
  for (let n = 0; n < options.clients + (options.plant ? 1 : 0); n += 1) {
    const isRobbed = n === options.clients;
    const wish = isRobbed ? ROBBED : wishOf(n, random, choices);
    const name = `client ${n} (${wish.protocol})`;
    const calm = disturber.calmOf(name);
    const judged = { name, wish, oracle, violations, history: brokers, calm };
    const auditor = new Auditor({ ...judged, steadyBrokers: STEADY_BROKERS });
    const line = owned.use(await ChaosProxy.to(gateway.port, isRobbed ? frameThief('"type":"trade"') : null));
    const client = new SoakClient({
      name,
      wish,
      line,
      port: line.port,
      random: seededRandom(seed * 1_000 + n),
      observe: (observation) => {
        auditor.note(observation, nowMs());
      },
    });
    clients.push(client);
    seats.push({ client, auditor });
  }
  owned.defer(() => {
    for (const { client } of seats) client.close();
  });

  const timers = owned.adopt(new Set<NodeJS.Timeout>(), (all) => {
    for (const timer of all) clearTimeout(timer);
  });
  const later = (ms: number, task: () => void): void => {
    timers.add(setTimeout(task, ms));
  };
  const beganMs = performance.now();
  for (const [n, { client }] of seats.entries()) {
    const isFirst = n < FIRST_CLIENTS || n === options.clients;
    const joinMs = isFirst ? 0 : ((n - FIRST_CLIENTS + 1) * Math.min(20_000, totalMs / 3)) / seats.length;
    later(joinMs, () => {
      client.start();
    });
  }
  const plan = {
    seed,
    totalMs: totalMs - Math.min(CALM_MS, totalMs * CALM_SHARE),
    clients: options.clients,
    symbols: BINANCE_SYMBOLS,
  };
  for (const { atMs, what } of scheduleOf({ ...plan, restarts: options.restarts })) {
    later(atMs, () => {
      disturber.apply(what);
    });
  }
  const settle = (): void => {
    for (const { auditor } of seats) auditor.settle(oracle.watermarkMs);
  };
  while (performance.now() - beganMs < totalMs) {
    await sleep(SETTLE_MS);
    settle();
  }
  await disturber.end();
  settle();
  const verdict = await memory.end();
  if (verdict.isFine === false) violations.add({ client: 'the gateway', text: verdict.text, details: [] });
  return {
    violations,
    faults: disturber.counts,
    events: sum(seats, ({ auditor }) => auditor.events),
    connects: sum(seats, ({ client }) => client.connects),
    resumes: sum(seats, ({ client }) => client.resumes),
    gapsTold: sum(seats, ({ auditor }) => auditor.gapsTold),
    lives: gateway.lives,
    errors: gateway.errors,
    statesTold: statesOf(seats),
    memory: verdict,
    clients: seats.map(({ client, auditor }) => ({
      name: client.name,
      wish: client.wish,
      events: auditor.events,
      connects: client.connects,
    })),
  };
}

/** The client from which a trade is taken away. */
const ROBBED: Wish = {
  ...PLAIN_WISH,
  protocol: 'raw',
  broker: 'mock-binance',
  symbols: ['BTCUSDT'],
  types: ['trade'],
};

function statesOf(seats: readonly Seat[]): ReadonlyMap<string, number> {
  const states = new Map<string, number>();
  for (const { auditor, client } of seats) {
    for (const [state, count] of auditor.statesTold) {
      const key = `${client.wish.broker} ${state}`;
      states.set(key, (states.get(key) ?? 0) + count);
    }
  }
  return states;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

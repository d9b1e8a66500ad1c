import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/shared/random.ts';
import { configOf, mockSettings } from './config.ts';
import { SoakClient } from './clients/SoakClient.ts';
import { PLAIN_WISH } from './clients/wishes.ts';
import type { Wish } from './clients/wishes.ts';
import type { SoakOptions } from './options.ts';
import { Auditor } from './oracle/Auditor.ts';
import { BrokerHistory } from './oracle/BrokerHistory.ts';
import { Oracle } from './oracle/Oracle.ts';
import { Violations } from './oracle/Violations.ts';
import { table } from './report.ts';
import { Gateway } from './world/Gateway.ts';
import { nowMs } from './world/venueMessages.ts';
import { VenueProcess } from './world/VenueProcess.ts';

const MOCK = { seed: 5, ticksPerSecond: 8, symbols: { BTCUSDT: '43250.10' } } as const;
const STEP_MS = 250;
const JOIN_MS = 12_000;
const SETTLE_MS = 250;
/** Each client is cut once in this time, at a moment of its own. */
const CUT_EVERY_MS = 5_000;
/** The measured phases take turns, so that the noise of the machine meets all of them. */
const ROUNDS = 3;
const PHASES = ['calm', 'resumed', 'anew each second', 'resumed each second'] as const;
type Phase = (typeof PHASES)[number];
const PHASE_MS = 15_000;
/** How often a burst of clients comes back in each phase: as often as one client is cut, or as a line does that flaps. */
const BURST_MS: Readonly<Record<Phase, number>> = {
  calm: Infinity,
  resumed: CUT_EVERY_MS,
  'anew each second': 1_000,
  'resumed each second': 1_000,
};
/** The share of the clients that comes back in each burst. */
const BURST_SHARE = 0.1;

export interface ResumeResult {
  readonly violations: Violations;
  readonly report: string;
}

/** CPU time of the gateway in one phase. */
interface Cost {
  readonly cpuS: number;
  readonly events: number;
  readonly connects: number;
}

type Costs = Readonly<Record<Phase, Cost[]>>;

/**
 * Many clients of trades and candles that are cut off again and again, with one restart of the gateway among it: each of
 * them gets every trade once, or is told a gap. Then it measures what an event costs while some of them come back.
 */
export async function resumeSoak(options: SoakOptions, print: (line: string) => void): Promise<ResumeResult> {
  await using owned = new AsyncDisposableStack();
  const { seed, totalMs } = options;
  const oracle = new Oracle(mockSettings(MOCK));
  const settings = { seed, stepMs: STEP_MS, binanceSymbols: ['BTCUSDT'], oandaSymbols: [] };
  const venues = owned.use(
    await VenueProcess.start(settings, (report) => {
      oracle.take(report);
    }),
  );
  const history: string[] = [];
  const violations = new Violations({ seed, folder: options.out, print, history: () => history });
  const folder = mkdtempSync(join(tmpdir(), 'tickgraph-soak-'));
  owned.defer(() => {
    rmSync(folder, { recursive: true });
  });
  const port = venues.started.binancePort;
  const venue = { port };
  const lines = { binanceSocket: venue, binanceRest: venue, oandaStream: venue, oandaRest: venue };
  const gateway = owned.use(
    await Gateway.start({
      folder,
      config: () => configOf(lines, MOCK),
      onFault: (text) => {
        violations.add({ client: 'the gateway', text, details: gateway.log.slice(-40) });
      },
    }),
  );
  const brokers = new BrokerHistory();
  const random = seededRandom(seed);
  const seats = Array.from({ length: options.clients }, (_, n) => {
    const wish = wishOf(n);
    const name = `client ${n} (${wish.broker})`;
    const calm = { disturbedUntilMs: () => Infinity, clientDisturbedUntilMs: () => Infinity };
    const auditor = new Auditor({ name, wish, oracle, violations, calm, history: brokers });
    const client = new SoakClient({
      name,
      wish,
      line: null,
      port: gateway.port,
      random,
      retryMs: [0, 400],
      observe: (observation) => {
        auditor.note(observation, nowMs());
      },
    });
    return { auditor, client };
  });
  const timers = owned.adopt(new Set<NodeJS.Timeout>(), (all) => {
    for (const timer of all) clearTimeout(timer);
  });
  owned.defer(() => {
    for (const { client } of seats) client.close();
  });
  const every = (ms: number, task: () => void): NodeJS.Timeout => {
    const timer = setInterval(task, ms);
    timers.add(timer);
    return timer;
  };
  every(SETTLE_MS, () => {
    for (const { auditor } of seats) auditor.settle(oracle.watermarkMs);
  });
  for (const [n, { client }] of seats.entries()) {
    timers.add(
      setTimeout(
        () => {
          client.start();
        },
        (n * JOIN_MS) / seats.length,
      ),
    );
  }
  await sleep(JOIN_MS + 3_000);

  print('every client is cut again and again');
  const cutting = every(CUT_EVERY_MS / seats.length, () => {
    seats[Math.floor(random() * seats.length)]?.client.die();
  });
  await sleep(totalMs / 2);
  history.push(`${new Date().toISOString()} the gateway is restarted`);
  print('the gateway is restarted');
  const hasBegun = brokers.begins('mock-binance', nowMs());
  await gateway.stop('SIGTERM');
  await gateway.start();
  hasBegun(nowMs());
  await sleep(totalMs / 2);
  clearInterval(cutting);
  await sleep(5_000);

  const connects = (): number => seats.reduce((sum, { client }) => sum + client.connects, 0);
  const comeBack = (isAnew: boolean): void => {
    const first = Math.floor(random() * seats.length);
    const count = Math.round(seats.length * BURST_SHARE);
    for (let n = 0; n < count; n += 1) {
      const client = seats[(first + n) % seats.length]?.client;
      if (isAnew) client?.forget();
      client?.die();
    }
  };
  const measure = async (phase: Phase): Promise<Cost> => {
    const [before, came] = [await gateway.sample(), connects()];
    const bursts = phase === 'calm' ? undefined : every(BURST_MS[phase], () => comeBack(phase === 'anew each second'));
    await sleep(PHASE_MS);
    clearInterval(bursts);
    const after = await gateway.sample();
    if (before === null || after === null) throw new Error('the gateway does not answer');
    return { cpuS: after.cpuS - before.cpuS, events: after.events - before.events, connects: connects() - came };
  };
  const costs: Costs = { calm: [], resumed: [], 'anew each second': [], 'resumed each second': [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    print(`measuring, round ${round + 1} of ${ROUNDS}`);
    for (const phase of PHASES) {
      costs[phase].push(await measure(phase));
      await sleep(2_000);
    }
  }
  await sleep(2_000);
  for (const { auditor } of seats) auditor.settle(oracle.watermarkMs);
  return { violations, report: reportOf({ options, seats, violations, costs }) };
}

interface Measured {
  readonly options: SoakOptions;
  readonly seats: readonly { readonly auditor: Auditor; readonly client: SoakClient }[];
  readonly violations: Violations;
  readonly costs: Costs;
}

function reportOf({ options, seats, violations, costs }: Measured): string {
  const sum = (of: (seat: Measured['seats'][number]) => number): number =>
    seats.reduce((total, seat) => total + of(seat), 0);
  const total = (phase: Phase, of: keyof Cost): number => costs[phase].reduce((all, cost) => all + cost[of], 0);
  const perEvent = (phase: Phase): number => (total(phase, 'cpuS') * 1e6) / total(phase, 'events');
  /** The rest of the CPU time, if events cost what they cost without connections. */
  const perConnection = (phase: Phase): string => {
    const rest = total(phase, 'cpuS') * 1e6 - perEvent('calm') * total(phase, 'events');
    return (rest / total(phase, 'connects')).toFixed(0);
  };
  const each = (of: (phase: Phase) => string): string => PHASES.map(of).join(' / ');
  const rate = (phase: Phase): string => (total(phase, 'events') / ((ROUNDS * PHASE_MS) / 1_000)).toFixed(0);
  const rows: (readonly [string, string | number])[] = [
    ['seed', options.seed],
    ['clients', seats.length],
    ['events checked', sum(({ auditor }) => auditor.events)],
    ['connections of clients', sum(({ client }) => client.connects)],
    ['of these resumed', sum(({ client }) => client.resumes)],
    ['gaps told', sum(({ auditor }) => auditor.gapsTold)],
    ['phases', each((phase) => phase)],
    ['events a second', each(rate)],
    ['CPU per event (us)', each((phase) => perEvent(phase).toFixed(2))],
    ['ratio to calm', each((phase) => (perEvent(phase) / perEvent('calm')).toFixed(2))],
    ['CPU of one connection (us)', each((phase) => (phase === 'calm' ? '0' : perConnection(phase)))],
    ['violations', violations.all.length],
  ];
  const found = violations.kinds.size === 0 ? '' : `\n${table(['violation', 'times'], [...violations.kinds])}`;
  return table(['what', 'value'], rows) + found;
}

function wishOf(n: number): Wish {
  return {
    ...PLAIN_WISH,
    protocol: 'graphql-ws',
    broker: n % 2 === 0 ? 'mock-binance' : 'binance',
    symbols: ['BTCUSDT'],
    types: ['trade', 'candle'],
  };
}

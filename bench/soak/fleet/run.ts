import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../src/shared/random.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { RedisServer } from '../../../test/support/RedisServer.ts';
import { SoakClient } from '../clients/SoakClient.ts';
import { PLAIN_WISH, PROTOCOLS } from '../clients/wishes.ts';
import type { Wish } from '../clients/wishes.ts';
import { fleetConfigOf } from '../config.ts';
import { frameThief } from '../frameThief.ts';
import type { SoakOptions } from '../options.ts';
import { Auditor } from '../oracle/Auditor.ts';
import { BrokerHistory } from '../oracle/BrokerHistory.ts';
import { Oracle } from '../oracle/Oracle.ts';
import { TakeoverCheck } from '../oracle/TakeoverCheck.ts';
import { UpstreamCheck } from '../oracle/UpstreamCheck.ts';
import { Violations } from '../oracle/Violations.ts';
import { ChaosProxy } from '../world/ChaosProxy.ts';
import { Gateway } from '../world/Gateway.ts';
import { nowMs } from '../world/venueMessages.ts';
import { VenueProcess } from '../world/VenueProcess.ts';
import { FleetDisturber } from './FleetDisturber.ts';
import type { HoppingLine, Member } from './FleetDisturber.ts';
import { fleetReport } from './report.ts';
import type { Seat } from './report.ts';
import { fleetScheduleOf } from './schedule.ts';

const GATEWAYS = 3;
const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const STEP_MS = 200;
const SETTLE_MS = 250;
/** At the end nothing happens for so long, so that what is owed can come. */
const CALM_MS = 12_000;
const CALM_SHARE = 0.4;
/** A gateway that hears nothing from the one that leads says so within 3.5 seconds. */
const SILENCE_MS = { tick: 6_000, orderbook: 6_000, trade: 6_000, candle: 9_000 } as const;

/**
 * Three gateways on one real Redis. Clients hop from one to another and resume there, while gateways are killed, stopped,
 * frozen and cut off, and Redis is, too. What each client gets is judged as if it came from one gateway.
 */
export async function fleetSoak(
  options: SoakOptions,
  print: (line: string) => void,
): Promise<{ readonly report: string; readonly violations: Violations }> {
  await using owned = new AsyncDisposableStack();
  const { seed, totalMs } = options;
  const history: { of: readonly string[] } = { of: [] };
  const violations = new Violations({ seed, folder: options.out, print, history: () => history.of });
  const fail = (client: string, text: string): void => {
    violations.add({ client, text, details: [] });
  };
  const oracle = new Oracle([]);
  const takeovers = new TakeoverCheck(fail);
  const upstreams = new UpstreamCheck((text) => {
    fail('the venue', text);
  });
  const settings = { seed, stepMs: STEP_MS, binanceSymbols: SYMBOLS, oandaSymbols: [] };
  const venues = owned.use(
    await VenueProcess.start(settings, (report, sockets) => {
      oracle.take(report);
      upstreams.see(sockets, report.atMs);
    }),
  );
  const redis = owned.use(await RedisServer.start());
  const members = await startMembers(owned, { redis, venuePort: venues.started.binancePort, violations });
  const lines: HoppingLine[] = [];
  const disturber = new FleetDisturber({ members, redis, lines, takeovers, upstreams });
  history.of = disturber.history;
  const seats: Seat[] = [];
  for (let n = 0; n < options.clients + (options.plant ? 1 : 0); n += 1) {
    const isRobbed = n === options.clients;
    const wish = isRobbed ? ROBBED : wishOf(n, seededRandom(seed * 1_000 + n));
    const line = await lineOf(owned, { n, wish, members, isRobbed });
    lines.push(line);
    const calm = disturber.calmOf(line.name);
    const judged = { name: line.name, wish, oracle, violations, calm };
    const auditor = new Auditor({ ...judged, history: new BrokerHistory(), silenceMs: SILENCE_MS });
    const client = new SoakClient({
      name: line.name,
      wish,
      line: line.line,
      port: line.line.port,
      random: seededRandom(seed * 1_000 + n),
      retryMs: [20, 500],
      observe: (observation) => {
        auditor.note(observation, nowMs());
        if (observation.kind === 'event' && observation.event.kind === 'data') takeovers.note(line.name, nowMs());
        else if (observation.kind === 'end') takeovers.forget(line.name);
      },
    });
    seats.push({ client, auditor });
  }
  owned.defer(() => {
    for (const { client } of seats) client.close();
  });
  const settle = (): void => {
    for (const { auditor } of seats) auditor.settle(oracle.watermarkMs);
  };
  owned.adopt(setInterval(settle, SETTLE_MS), (timer) => {
    clearInterval(timer);
  });
  for (const { client } of seats) client.start();
  const calmMs = Math.min(CALM_MS, totalMs * CALM_SHARE);
  await disturb(options, disturber, totalMs - calmMs);
  takeovers.end(nowMs());
  await sleep(calmMs);
  settle();
  const gateways = members.map(({ gateway }) => gateway);
  return { violations, report: fleetReport(options, { violations, seats, gateways, disturber, takeovers, upstreams }) };
}

interface FleetParts {
  readonly redis: RedisServer;
  readonly venuePort: number;
  readonly violations: Violations;
}

async function startMembers(
  owned: AsyncDisposableStack,
  { redis, venuePort, violations }: FleetParts,
): Promise<Member[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tickgraph-soak-'));
  owned.defer(() => {
    rmSync(folder, { recursive: true });
  });
  const members: Member[] = [];
  for (let n = 0; n < GATEWAYS; n += 1) {
    const line = owned.use(await ChaosProxy.to(redis.port));
    const own = join(folder, String(n));
    mkdirSync(own);
    const gateway = owned.use(
      await Gateway.start({
        folder: own,
        config: () => fleetConfigOf(venuePort, line.port),
        onFault: (text) => {
          violations.add({ client: `gateway ${n}`, text, details: members[n]?.gateway.log.slice(-40) ?? [] });
        },
      }),
    );
    members.push({ gateway, line });
  }
  return members;
}

interface LineParts {
  readonly n: number;
  readonly wish: Wish;
  readonly members: readonly Member[];
  readonly isRobbed: boolean;
}

async function lineOf(owned: AsyncDisposableStack, { n, wish, members, isRobbed }: LineParts): Promise<HoppingLine> {
  // Nothing happens to the last gateway at first, so that nothing else explains what a robbed client lacks.
  const first = isRobbed ? GATEWAYS - 1 : n % GATEWAYS;
  const place = { at: first, next: first };
  const port = (): number => {
    place.at = place.next;
    return members[place.at]?.gateway.port ?? 0;
  };
  const line = owned.use(await ChaosProxy.to(port, isRobbed ? frameThief('"type":"trade"') : null));
  return Object.assign(place, { name: `client ${n} (${wish.protocol})`, line, hasTicks: wish.types.includes('tick') });
}

async function disturb({ seed, clients }: SoakOptions, disturber: FleetDisturber, forMs: number): Promise<void> {
  const { faults, hops } = fleetScheduleOf({ seed, totalMs: forMs, clients, gateways: GATEWAYS });
  const timers = hops.map((hop) =>
    setTimeout(() => {
      disturber.hop(hop);
    }, hop.atMs),
  );
  const endsMs = performance.now() + forMs;
  for (const fault of faults) {
    if (performance.now() + fault.afterMs > endsMs) break;
    await sleep(fault.afterMs);
    await disturber.apply(fault);
  }
  await sleep(Math.max(0, endsMs - performance.now()));
  for (const timer of timers) clearTimeout(timer);
}

/** The client from which trades are taken away. It never hops. */
const ROBBED: Wish = { ...PLAIN_WISH, protocol: 'raw', broker: 'binance', symbols: ['BTCUSDT'], types: ['trade'] };

/** Each type is wanted by one client in four at least. */
function wishOf(n: number, random: Random): Wish {
  const types = (['tick', 'trade', 'candle', 'orderbook'] as const).filter((_, at) => at === n % 4 || random() < 0.6);
  return {
    ...PLAIN_WISH,
    protocol: PROTOCOLS[n % PROTOCOLS.length] ?? 'raw',
    broker: 'binance',
    symbols: random() < 0.5 ? SYMBOLS : [SYMBOLS[n % SYMBOLS.length] ?? ''],
    types,
    book: random() < 0.5 ? 'delta' : 'snapshot',
    resume: random() < 0.85,
  };
}

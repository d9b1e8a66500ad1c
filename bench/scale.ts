import { setTimeout as sleep } from 'node:timers/promises';
import { REDIS, RedisServer } from '../test/support/RedisServer.ts';
import { FLEET_HEADS, measureFleet } from './scale/fleets.ts';
import type { FleetCase } from './scale/fleets.ts';
import { cpuUs, ScaleProcess } from './scale/processes.ts';
import { table } from './soak/report.ts';

// What it costs to carry events from the gateway that leads to those that follow, over a real Redis, on loopback: the bus by
// itself, and whole gateways with clients.

const SYMBOLS = 40;
const WARM_UP_MS = 3_000;
const MEASURED_MS = 8_000;
const BATCHED = { windowMs: 1, events: 64 };
const EACH = { windowMs: 0, events: 1 };
const CASES = [
  { eventsPerSecond: 10_000, batching: BATCHED },
  { eventsPerSecond: 10_000, batching: EACH },
  { eventsPerSecond: 50_000, batching: BATCHED },
  { eventsPerSecond: 50_000, batching: EACH },
] as const;
const BUS_HEADS = ['events/s', 'batched', 'received/s', 'leader us', 'Redis us', 'follower us', 'p50 ms', 'p99 ms'];
const FLEETS: readonly FleetCase[] = [
  { gateways: 1, eventsPerSecond: 10_000 },
  { gateways: 2, eventsPerSecond: 10_000 },
  { gateways: 3, eventsPerSecond: 10_000 },
  { gateways: 1, eventsPerSecond: 50_000 },
  { gateways: 2, eventsPerSecond: 50_000 },
];

interface Figures {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
}

if (REDIS === undefined) {
  console.error('bench:scale needs redis-server or valkey-server.');
  process.exit(1);
}
const busRows: (readonly (string | number)[])[] = [];
for (const eventsPerSecond of [10_000, 50_000]) busRows.push(await measureAlone(eventsPerSecond));
for (const each of CASES) busRows.push(await measure(each));
console.log(table(BUS_HEADS, busRows));
const fleetRows: (readonly (string | number)[])[] = [];
for (const each of FLEETS) fleetRows.push(await measureFleet(each));
console.log(table(FLEET_HEADS, fleetRows));

async function measure({ eventsPerSecond, batching }: (typeof CASES)[number]): Promise<readonly (string | number)[]> {
  await using owned = new AsyncDisposableStack();
  const redis = owned.use(await RedisServer.start());
  const wish = { url: redis.url, symbols: SYMBOLS, eventsPerSecond, batching };
  const leader = owned.use(new ScaleProcess('node.ts', { ...wish, role: 'leader' }));
  await sleep(500);
  const followers = [1, 2].map(() => owned.use(new ScaleProcess('node.ts', { ...wish, role: 'follower' })));
  const all = [leader, ...followers];
  await sleep(WARM_UP_MS);
  const pids = [leader.pid, redis.pid, ...followers.map(({ pid }) => pid)];
  const before = await Promise.all(all.map((each) => each.ask<Figures>()));
  const [cpuBefore, began] = [pids.map(cpuUs), performance.now()];
  await sleep(MEASURED_MS);
  const tookS = (performance.now() - began) / 1_000;
  const spent = pids.map((pid, at) => cpuUs(pid) - (cpuBefore[at] ?? 0));
  const after = await Promise.all(all.map((each) => each.ask<Figures>()));
  const count = (at: number): number => (after[at]?.events ?? 0) - (before[at]?.events ?? 0);
  const received = (count(1) + count(2)) / 2;
  const follower = ((spent[2] ?? 0) + (spent[3] ?? 0)) / 2;
  return [
    eventsPerSecond,
    batching === BATCHED ? 'yes' : 'no',
    Math.round(received / tookS),
    per(spent[0], count(0)),
    per(spent[1], count(0)),
    per(follower, received),
    ...latency(after[1]),
  ];
}

/** The same events through the bus of a gateway that is alone. */
async function measureAlone(eventsPerSecond: number): Promise<readonly (string | number)[]> {
  const wish = { url: '', symbols: SYMBOLS, eventsPerSecond, batching: EACH, role: 'alone' };
  await using alone = new ScaleProcess('node.ts', wish);
  await sleep(WARM_UP_MS / 2);
  const before = await alone.ask<Figures>();
  const [cpuBefore, began] = [cpuUs(alone.pid), performance.now()];
  await sleep(MEASURED_MS / 2);
  const [spent, tookS] = [cpuUs(alone.pid) - cpuBefore, (performance.now() - began) / 1_000];
  const after = await alone.ask<Figures>();
  const events = after.events - before.events;
  return [eventsPerSecond, 'in memory', Math.round(events / tookS), per(spent, events), '', '', ...latency(after)];
}

function per(us: number | undefined, events: number): string {
  return ((us ?? 0) / Math.max(1, events)).toFixed(2);
}

function latency(figures: Figures | undefined): readonly string[] {
  return [figures?.p50 ?? 0, figures?.p99 ?? 0].map((us) => (us / 1_000).toFixed(2));
}

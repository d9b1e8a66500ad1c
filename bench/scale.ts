import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { REDIS, RedisServer } from '../test/support/RedisServer.ts';
import { table } from './soak/report.ts';

// What it costs to carry events from the gateway that leads to those that follow, over a real Redis, on loopback.

const SYMBOLS = 40;
const WARM_UP_MS = 3_000;
const MEASURED_MS = 8_000;
/** A tick of the kernel's clock. */
const TICK_US = 10_000;
const BATCHED = { windowMs: 1, events: 64 };
const EACH = { windowMs: 0, events: 1 };
const CASES = [
  { eventsPerSecond: 10_000, batching: BATCHED },
  { eventsPerSecond: 10_000, batching: EACH },
  { eventsPerSecond: 50_000, batching: BATCHED },
  { eventsPerSecond: 50_000, batching: EACH },
] as const;

interface Figures {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
}

if (REDIS === undefined) {
  console.error('bench:scale needs redis-server or valkey-server.');
  process.exit(1);
}
const rows: (readonly (string | number)[])[] = [];
for (const each of CASES) rows.push(await measure(each));
const heads = ['events/s', 'batched', 'received/s', 'leader us', 'Redis us', 'follower us', 'p50 ms', 'p99 ms'];
console.log(table(heads, rows));

async function measure({ eventsPerSecond, batching }: (typeof CASES)[number]): Promise<readonly (string | number)[]> {
  await using redis = await RedisServer.start();
  const wish = { url: redis.url, symbols: SYMBOLS, eventsPerSecond, batching };
  const leader = start({ ...wish, role: 'leader' });
  await sleep(500);
  const followers = [start({ ...wish, role: 'follower' }), start({ ...wish, role: 'follower' })];
  const all = [leader, ...followers];
  try {
    await sleep(WARM_UP_MS);
    const before = await Promise.all(all.map(figures));
    const cpuBefore = [cpuUs(leader.pid), cpuUs(redis.pid), ...followers.map(({ pid }) => cpuUs(pid))];
    const began = performance.now();
    await sleep(MEASURED_MS);
    const tookS = (performance.now() - began) / 1_000;
    const cpu = [cpuUs(leader.pid), cpuUs(redis.pid), ...followers.map(({ pid }) => cpuUs(pid))];
    const after = await Promise.all(all.map(figures));
    const spent = cpu.map((us, at) => us - (cpuBefore[at] ?? 0));
    const count = (at: number): number => (after[at]?.events ?? 0) - (before[at]?.events ?? 0);
    const received = (count(1) + count(2)) / 2;
    const follower = ((spent[2] ?? 0) + (spent[3] ?? 0)) / 2;
    const per = (us: number | undefined, of: number): string => ((us ?? 0) / Math.max(1, of)).toFixed(2);
    return [
      eventsPerSecond,
      batching === BATCHED ? 'yes' : 'no',
      Math.round(received / tookS),
      per(spent[0], count(0)),
      per(spent[1], count(0)),
      per(follower, received),
      ((after[1]?.p50 ?? 0) / 1_000).toFixed(2),
      ((after[1]?.p99 ?? 0) / 1_000).toFixed(2),
    ];
  } finally {
    const exits = all.map((child) => once(child, 'exit'));
    for (const child of all) child.kill('SIGKILL');
    await Promise.all(exits);
  }
}

function start(wish: object): ChildProcess {
  return fork(fileURLToPath(new URL('scale/node.ts', import.meta.url)), [JSON.stringify(wish)]);
}

async function figures(child: ChildProcess): Promise<Figures> {
  const answer = once(child, 'message');
  child.send('figures');
  const [message] = (await answer) as [Figures];
  return message;
}

/** The CPU time of a process until now. */
function cpuUs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

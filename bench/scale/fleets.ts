import { setTimeout as sleep } from 'node:timers/promises';
import { metricOf } from '../../test/support/metricOf.ts';
import { RedisServer } from '../../test/support/RedisServer.ts';
import { waitFor } from '../../test/support/waitFor.ts';
import { CountingClient } from './CountingClient.ts';
import type { GatewayWish } from './gateway.ts';
import { cpuUs, ScaleProcess } from './processes.ts';

const SYMBOLS = 40;
const WARM_UP_MS = 3_000;
const MEASURED_MS = 6_000;

export interface FleetCase {
  /** One is alone, with the bus in memory. */
  readonly gateways: number;
  readonly eventsPerSecond: number;
}

export const FLEET_HEADS = [
  'gateways',
  'events/s',
  'received/s at the leader',
  'at a follower',
  'leader us',
  'Redis us',
  'follower us',
  'cores',
  'p50 / p99 ms at the leader',
  'at a follower',
];

/** Whole gateways, each with one client of everything: what an event costs each, and how late it comes to the clients. */
export async function measureFleet({ gateways, eventsPerSecond }: FleetCase): Promise<readonly (string | number)[]> {
  await using owned = new AsyncDisposableStack();
  const redis = gateways === 1 ? null : owned.use(await RedisServer.start());
  const wish: GatewayWish = { redisUrl: redis?.url ?? null, symbols: SYMBOLS, eventsPerSecond };
  const processes: ScaleProcess[] = [];
  const clients: CountingClient[] = [];
  for (let n = 0; n < gateways; n += 1) {
    const process = owned.use(new ScaleProcess('gateway.ts', wish));
    const { port } = await process.ask<{ readonly port: number }>();
    // The first one leads.
    if (n === 0 && redis !== null) await waitFor(() => leads(port), 'a leader');
    processes.push(process);
    clients.push(owned.use(await CountingClient.connect(port, SYMBOLS)));
  }
  await sleep(WARM_UP_MS);
  const pids = [redis?.pid, ...processes.map(({ pid }) => pid)];
  const spentUs = (): number[] => pids.map((pid) => (pid === undefined ? 0 : cpuUs(pid)));
  for (const client of clients) client.reset();
  const [before, began] = [spentUs(), performance.now()];
  await sleep(MEASURED_MS);
  const tookMs = performance.now() - began;
  const [redisUs = 0, leaderUs = 0, ...followersUs] = spentUs().map((us, at) => us - (before[at] ?? 0));
  const [own, ...others] = clients;
  const events = own?.events ?? 0;
  const received = others.reduce((sum, client) => sum + client.events, 0);
  const followerUs = followersUs.reduce((sum, us) => sum + us, 0);
  const alone = redis === null;
  const per = (us: number, of: number): string => (us / Math.max(1, of)).toFixed(1);
  return [
    alone ? '1, in memory' : gateways,
    eventsPerSecond,
    Math.round((events * 1_000) / tookMs),
    alone ? '' : Math.round((received * 1_000) / tookMs / others.length),
    per(leaderUs, events),
    alone ? '' : per(redisUs, events),
    alone ? '' : per(followerUs, received),
    ((redisUs + leaderUs + followerUs) / 1_000 / tookMs).toFixed(2),
    own?.lateness ?? '',
    others[0]?.lateness ?? '',
  ];
}

async function leads(port: number): Promise<boolean> {
  return (await metricOf(`http://127.0.0.1:${port}`, 'tickgraph_bus_leader')) === 1;
}

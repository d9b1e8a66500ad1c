import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseCursor } from '../../src/market/cursor.ts';
import { Fleet, told, untilTold } from '../support/Fleet.ts';
import type { FleetGateway } from '../support/Fleet.ts';
import { metricOf } from '../support/metricOf.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { waitFor } from '../support/waitFor.ts';

const freeze = ({ redis }: Fleet): Promise<void> => {
  redis.freeze();
  return Promise.resolve();
};
const thaw = ({ redis }: Fleet): Promise<void> => {
  redis.thaw();
  return Promise.resolve();
};
const kill = ({ redis }: Fleet): Promise<void> => redis.kill();
const begin = ({ redis }: Fleet): Promise<void> => redis.begin();

/** When the gateway that leads received the events of this type that came since, in milliseconds since the epoch. */
function receivedAt({ auditor }: FleetGateway, type: 'tick' | 'orderbook', since: number): readonly number[] {
  const events = auditor.received.slice(since).filter((each) => each.type === type);
  return events.map((event) => Date.parse(event.receivedAt ?? ''));
}

describe.skipIf(LACKS_REDIS)('gateways without their Redis', () => {
  it.each([
    ['is away for 3 seconds', 3_000, kill, begin],
    ['is away for 12 seconds', 12_000, kill, begin],
    ['stands still for 12 seconds', 12_000, freeze, thaw],
  ])(
    'that %s are live within two seconds, and deliver nothing old',
    async (_name, forMs, end, resume) => {
      await using fleet = await Fleet.start({ gateways: 2 });
      await fleet.trades(20);
      const [leader, follower] = [fleet.gateway(0), fleet.gateway(1)];
      const before = told(fleet.gateways);
      const until = performance.now() + forMs;
      await end(fleet);
      expect(await untilTold(follower, 'stale', before[1])).toBeLessThan(3_500);
      const stood = follower.auditor.received.length;
      await sleep(until - performance.now());
      expect(follower.auditor.received.slice(stood).filter(({ type }) => type !== 'status')).toEqual([]);
      await resume(fleet);
      const returned = { at: Date.now(), since: performance.now() };
      await waitFor(() => follower.auditor.state === 'live', 'a follower that is live');
      await waitFor(() => receivedAt(follower, 'tick', stood).length > 0, 'a tick');
      await waitFor(() => receivedAt(follower, 'orderbook', stood).length > 0, 'a book');
      expect(performance.now() - returned.since).toBeLessThan(2_000);
      await fleet.trades(10);
      // The newest value that there is may be from a moment before.
      for (const type of ['tick', 'orderbook'] as const) {
        for (const at of receivedAt(follower, type, stood)) expect(at).toBeGreaterThan(returned.at - 500);
      }
      await fleet.settle();
      expect(leader.auditor.states).toHaveLength(before[0] ?? 0);
      for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
      expect(fleet.venue.handshakes).toBe(1);
    },
    40_000,
  );

  it('or with it: a leader that stood still for six seconds says nothing to others any more, and follows', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const [frozen, ...others] = fleet.gateways;
    const epochOf = ({ auditor }: FleetGateway): string | undefined =>
      parseCursor(auditor.of('tick').at(-1)?.cursor ?? '')?.epoch;
    const former = epochOf(fleet.gateway(0));
    const until = performance.now() + 6_000;
    frozen?.process.kill('SIGSTOP');
    await waitFor(() => others.every((gateway) => epochOf(gateway) !== former), 'ticks of the next leader');
    await sleep(until - performance.now());
    const since = others.map(({ auditor }) => auditor.received.length);
    frozen?.process.kill('SIGCONT');
    await waitFor(() => epochOf(fleet.gateway(0)) === epochOf(fleet.gateway(1)), 'the same events as elsewhere');
    await fleet.untilUpstreams(1);
    await fleet.trades(20);
    for (const [at, { auditor }] of others.entries()) {
      const cursors = auditor.received.slice(since[at]).flatMap(({ cursor }) => cursor ?? []);
      expect(cursors.filter((cursor) => parseCursor(cursor)?.epoch === former)).toEqual([]);
    }
    const leading = await Promise.all(fleet.gateways.map(({ url }) => metricOf(url, 'tickgraph_bus_leader')));
    expect(leading[0]).toBe(0);
    expect(leading.filter((count) => count === 1)).toHaveLength(1);
    await fleet.untilLive();
    await fleet.settle();
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
  }, 30_000);
});

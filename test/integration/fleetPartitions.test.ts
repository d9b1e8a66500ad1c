import { describe, expect, it } from 'vitest';
import { Fleet, told, untilTold } from '../support/Fleet.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { waitFor } from '../support/waitFor.ts';

/** The one of the two connections to Redis that listens. */
const LISTENS = (begun: string): boolean => begun.includes('subscribe');
/** The one that publishes and asks. */
const SPEAKS = (begun: string): boolean => !LISTENS(begun);

async function untilNotReady(url: string): Promise<void> {
  await waitFor(async () => (await fetch(`${url}/ready`)).status === 503, 'a gateway that is not ready');
}

describe.skipIf(LACKS_REDIS)('one of the two connections to Redis', () => {
  it.each([
    ['listens', LISTENS],
    ['speaks', SPEAKS],
  ])('that %s and stands still at a follower: its clients are told, and get what they missed', async (_name, which) => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(20);
    const [leader, follower] = [fleet.gateway(0), fleet.gateway(1)];
    const [before, since] = told(fleet.gateways);
    follower.line.freeze(which);
    await untilTold(follower, 'stale', since);
    await untilNotReady(follower.url);
    const stood = follower.auditor.received.length;
    await fleet.trades(20, [leader]);
    expect(follower.auditor.received.slice(stood).filter(({ type }) => type !== 'status')).toEqual([]);
    follower.line.heal();
    await fleet.untilLive();
    await fleet.trades(10);
    await fleet.settle();
    expect(leader.auditor.states).toHaveLength(before ?? 0);
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
    expect(fleet.venue.handshakes).toBe(1);
  });

  it.each([
    ['listens', LISTENS],
    ['speaks', SPEAKS],
  ])(
    'that %s and stands still at the leader: its clients notice nothing, and another one leads',
    async (_name, which) => {
      await using fleet = await Fleet.start({ gateways: 3 });
      await fleet.trades(20);
      const [leader, ...others] = fleet.gateways;
      const before = told(fleet.gateways);
      leader?.line.freeze(which);
      await fleet.untilUpstreams(2);
      await fleet.untilLive(others);
      await fleet.trades(50);
      expect(fleet.upstreams).toBe(2);
      expect(leader?.auditor.states).toHaveLength(before[0] ?? 0);
      leader?.line.heal();
      await fleet.untilUpstreams(1);
      await fleet.untilLive();
      await fleet.trades(10);
      await fleet.settle();
      for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
    },
  );
});

import { describe, expect, it } from 'vitest';
import { Fleet, told, untilTold } from '../support/Fleet.ts';
import type { FleetGateway } from '../support/Fleet.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { metricOf } from '../support/metricOf.ts';
import { RawClient } from '../support/RawClient.ts';
import { waitFor } from '../support/waitFor.ts';

const CHANNEL = 'tickgraph:1:{binance}:ch:trade:BTCUSDT';
const CONTROL = 'tickgraph:1:{binance}:ctl';

describe.skipIf(LACKS_REDIS)('gateways that share a Redis', () => {
  it('connect to the venue once, and deliver the same events with the same cursors', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(50);
    expect(fleet.upstreams).toBe(1);
    expect(fleet.venue.handshakes).toBe(1);
    await fleet.settle();
    const [first, ...others] = fleet.gateways.map(
      ({ auditor }) => new Map(auditor.of('trade').map(({ tradeId, cursor }) => [tradeId, cursor])),
    );
    for (const other of others) {
      const common = [...other].filter(([id]) => first?.has(id));
      expect(common.length).toBeGreaterThan(20);
      for (const [id, cursor] of common) expect(first?.get(id)).toBe(cursor);
    }
  });

  it('go on without a hole or a double within five seconds if the one that leads is killed', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const others = fleet.gateways.slice(1);
    const before = told(others);
    const began = performance.now();
    fleet.gateway(0).process.kill('SIGKILL');
    await fleet.trades(1, others);
    expect(performance.now() - began).toBeLessThan(5_000);
    await fleet.untilLive(others);
    await fleet.trades(20, others);
    expect(fleet.upstreams).toBe(1);
    await fleet.settle(others);
    for (const [at, { auditor }] of others.entries()) {
      expect(auditor.states.slice(before[at])).toContain('recovering');
      expect(auditor.states).not.toContain('gap');
    }
  });

  it('go on within 1.5 seconds if the one that leads stops', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(20);
    const others = fleet.gateways.slice(1);
    fleet.gateway(0).process.kill('SIGTERM');
    expect(await fleet.gateway(0).process.exited()).toBe(0);
    const began = performance.now();
    await fleet.trades(2, others);
    expect(performance.now() - began).toBeLessThan(1_500);
    await fleet.untilLive(others);
    await fleet.settle(others);
    expect(others[0]?.auditor.states).not.toContain('gap');
  });

  it('follow another one if the one that led was frozen, and nothing of it comes between', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const [frozen, ...others] = fleet.gateways;
    frozen?.process.kill('SIGSTOP');
    await fleet.trades(40, others);
    frozen?.process.kill('SIGCONT');
    await fleet.trades(20);
    await fleet.untilUpstreams(1);
    await fleet.untilLive();
    await fleet.settle();
  });

  it.each([
    ['is restarted', async ({ redis }: Fleet) => redis.kill(), async ({ redis }: Fleet) => redis.begin()],
    [
      'is frozen',
      ({ redis }: Fleet) => {
        redis.freeze();
        return Promise.resolve();
      },
      ({ redis }: Fleet) => {
        redis.thaw();
        return Promise.resolve();
      },
    ],
  ])('tell only followers that their data is stale while Redis %s, and miss nothing', async (_name, end, begin) => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(20);
    const [leader, follower] = [fleet.gateway(0), fleet.gateway(1)];
    const before = told(fleet.gateways);
    const began = performance.now();
    await end(fleet);
    await untilTold(follower, 'stale', before[1]);
    expect(performance.now() - began).toBeLessThan(3_500);
    await waitFor(async () => (await fetch(`${follower.url}/ready`)).status === 503, 'a follower that is not ready');
    const stood = follower.auditor.received.length;
    await fleet.trades(40, [leader]);
    expect(follower.auditor.received.slice(stood).filter(({ type }) => type !== 'status')).toEqual([]);
    await begin(fleet);
    await fleet.trades(20);
    await fleet.untilLive();
    expect(fleet.upstreams).toBe(1);
    await fleet.settle();
    expect(leader.auditor.states).toHaveLength(before[0] ?? 0);
    expect(follower.auditor.states).not.toContain('gap');
  });

  it('go on if the one that leads can not reach Redis: its own clients notice nothing, and later there is one again', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const [cut, ...others] = fleet.gateways;
    const before = told(fleet.gateways);
    cut?.line.freeze();
    await fleet.trades(60);
    expect(cut?.auditor.states).toHaveLength(before[0] ?? 0);
    await fleet.untilLive(others);
    expect(fleet.upstreams).toBe(2);
    cut?.line.heal();
    await fleet.untilUpstreams(1);
    await fleet.untilLive();
    await fleet.trades(20);
    await fleet.settle();
  });

  it('tell those of one that can not reach Redis, and give them what they missed afterwards', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const cut = fleet.gateway(2);
    const since = cut.auditor.states.length;
    cut.line.freeze();
    expect(await untilTold(cut, 'stale', since)).toBeLessThan(3_500);
    await fleet.trades(20, fleet.gateways.slice(0, 2));
    cut.line.heal();
    await fleet.untilLive();
    await fleet.trades(10);
    expect(fleet.upstreams).toBe(1);
    await fleet.settle();
    expect(cut.auditor.states).not.toContain('gap');
  });

  it('miss nothing if Redis ends the connections of those who listen too slowly', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    for (let round = 0; round < 3; round += 1) {
      await fleet.trades(10);
      await fleet.redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await fleet.trades(20);
    await fleet.untilLive();
    await fleet.settle();
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
    expect(fleet.venue.handshakes).toBe(1);
  });

  it('ignore and count what is not theirs: other versions, former leaders, and nonsense', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(10);
    const follower = fleet.gateway(1);
    const before = told(fleet.gateways);
    const known = follower.auditor.of('trade').at(-1);
    const forged = { ...known, broker: 'binance', symbol: 'BTCUSDT', price: '1' };
    const invalid = await metricOf(follower.url, 'tickgraph_invalid_messages_total');
    for (const text of ['', 'nonsense', `2 9999999999 1 1 E\n{}`, `1 9999999999 1 1 E\n${JSON.stringify(forged)}`]) {
      await fleet.redis.ask('PUBLISH', CHANNEL, text);
    }
    for (const text of ['', '{}', '{"kind":"else","node":"x"}', '{"kind":"beat","node":"x","fence":"1"}']) {
      await fleet.redis.ask('PUBLISH', CONTROL, text);
    }
    const old = { kind: 'beat', node: 'former', fence: 1, next: [] };
    await fleet.redis.ask('PUBLISH', CONTROL, JSON.stringify(old));
    await fleet.redis.ask('PUBLISH', CHANNEL, `1 1 1 1 E`);
    await fleet.trades(10);
    expect(await metricOf(follower.url, 'tickgraph_invalid_messages_total')).toBe(invalid + 8);
    expect(await metricOf(follower.url, 'tickgraph_bus_lines_dropped_total')).toBeGreaterThanOrEqual(0);
    expect(told(fleet.gateways)).toEqual(before);
    expect(follower.auditor.of('trade').map(({ tradeId }) => tradeId)).not.toContain(undefined);
    await fleet.settle();
  });

  it('go on if Redis forgets everything', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(10);
    await fleet.redis.ask('FLUSHALL');
    await fleet.trades(40);
    await fleet.untilUpstreams(1);
    await fleet.untilLive();
    await fleet.settle();
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
  });

  it('go on for the clients of the leader if Redis takes no more writes, and for all when it does again', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(10);
    await fleet.redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    await fleet.trades(60, fleet.gateways.slice(0, 1));
    await fleet.redis.ask('CONFIG', 'SET', 'maxmemory', '0');
    await fleet.trades(20);
    await fleet.untilLive();
    await fleet.settle();
  });

  it('resume what a client had from another one, also if nobody there has the stream, and after the leader has changed', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    const third = await fleet.add();
    await fleet.trades(10);
    const ask = { action: 'subscribe', broker: 'binance', symbols: ['ETHUSDT'], types: ['trade'] };
    const traffic = fleet.venue.market('ETHUSDT');
    const ids: unknown[] = [];
    const visit = async ({ url }: FleetGateway, resume: readonly string[], trades: number): Promise<string> => {
      await using client = await RawClient.connect(url);
      await client.ask({ ...ask, ...(resume.length === 0 ? {} : { resume }) });
      if (resume.length === 0) {
        await fleet.venue.waitForSubscription('ethusdt@trade');
      } else {
        const replay = await client.waitFor(({ status }) => status === 'replay');
        expect(replay).toMatchObject({ replay: { recovered: true, complete: true } });
      }
      for (let n = 0; n < trades; n += 1) traffic.trade();
      const [last] = traffic.trades({ limit: 1, fromId: null });
      await waitFor(() => Number(client.data('trade').at(-1)?.['tradeId']) >= (last?.id ?? 0), 'the last trade');
      ids.push(...client.data('trade').map(({ tradeId }) => Number(tradeId)));
      return String(client.data('trade').at(-1)?.['cursor']);
    };
    traffic.trade();
    const one = await visit(fleet.gateway(0), [], 5);
    for (let n = 0; n < 3; n += 1) traffic.trade();
    const two = await visit(fleet.gateway(1), [one], 5);
    for (let n = 0; n < 3; n += 1) traffic.trade();
    fleet.gateway(0).process.kill('SIGKILL');
    await fleet.trades(5, [fleet.gateway(1), third]);
    await visit(third, [two], 5);
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, n) => Number(ids[0]) + n));
    expect(ids.length).toBeGreaterThanOrEqual(21);
  });
});

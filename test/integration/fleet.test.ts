import { describe, expect, it } from 'vitest';
import { Fleet } from '../support/Fleet.ts';
import { REDIS } from '../support/RedisServer.ts';

describe.skipIf(REDIS === undefined && process.env['CI'] === undefined)('gateways that share a Redis', () => {
  it('connect to the venue once, and deliver the same events with the same cursors', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(50);
    expect(fleet.upstreams).toBe(1);
    await fleet.settle();
  });

  it('go on without a hole or a double if the one that leads is killed', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    await fleet.trades(20);
    const others = fleet.gateways.slice(1);
    const began = performance.now();
    fleet.gateway(0).process.kill('SIGKILL');
    await fleet.trades(60, others);
    await fleet.untilLive(others);
    console.log(performance.now() - began, others.map(({ auditor }) => auditor.states));
    expect(fleet.upstreams).toBe(1);
    await fleet.settle(others);
  });

  it('go on at once if the one that leads stops', async () => {
    await using fleet = await Fleet.start({ gateways: 2 });
    await fleet.trades(20);
    const others = fleet.gateways.slice(1);
    fleet.gateway(0).process.kill('SIGTERM');
    await fleet.gateway(0).process.exited();
    const began = performance.now();
    await fleet.trades(5, others);
    await fleet.untilLive(others);
    console.log(performance.now() - began, others.map(({ auditor }) => auditor.states));
    await fleet.settle(others);
  });
});

import { describe, expect, it } from 'vitest';
import { CuttingProxy } from '../support/CuttingProxy.ts';
import { Fleet } from '../support/Fleet.ts';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { RawClient } from '../support/RawClient.ts';
import { RedisServer } from '../support/RedisServer.ts';
import { SentinelSet } from '../support/SentinelSet.ts';
import { waitFor } from '../support/waitFor.ts';

async function ready(url: string) {
  const response = await fetch(`${url}/ready`);
  const body = (await response.json()) as { bus: { state: unknown; reason: unknown } };
  return { status: response.status, state: body.bus.state, reason: body.bus.reason };
}

function gatewayWith(url: string): GatewayProcess {
  return new GatewayProcess({ env: { ...OFFLINE, TICKGRAPH_BUS__ENGINE: 'redis', REDIS_URL: url } });
}

describe.skipIf(LACKS_REDIS)('a gateway and its Redis', () => {
  it('starts without Redis, says so, serves what it can, and joins when Redis is there', async () => {
    await using redis = await RedisServer.start();
    await redis.kill();
    await using gateway = gatewayWith(redis.url);
    const url = await gateway.listening();
    expect(await ready(url)).toMatchObject({ status: 503, state: 'connecting' });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await using client = await RawClient.connect(url);
    await client.subscribe('mock-binance', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ status }) => status === 'stale');
    await redis.begin();
    await client.waitFor(({ status }) => status === 'live');
    await client.waitFor(({ type }) => type === 'data');
    await waitFor(async () => (await ready(url)).status === 200, 'a gateway that is ready');
    expect(gateway.logged('the bus is connected to Redis')).toBeDefined();
  });

  it.each([
    ['wants a password', ['--requirepass', 'secret'], 'Redis wants a password.'],
    ['is a replica', ['--replicaof', '127.0.0.1 1'], 'Redis takes no writes, because it is a replica.'],
    ['is full', ['--maxmemory', '1'], 'Redis takes no writes, because its memory is full.'],
  ])('that %s is reported and asked again, without haste', async (_name, args, reason) => {
    await using redis = await RedisServer.start(args);
    await using line = await CuttingProxy.to(redis.port);
    await using gateway = gatewayWith(`redis://127.0.0.1:${line.port}`);
    const url = await gateway.listening();
    await using client = await RawClient.connect(url);
    await client.subscribe('mock-binance', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ status }) => status === 'stale');
    expect((await ready(url)).reason).toBe(reason);
    const before = { connections: line.connections, bytes: line.bytes, logged: gateway.out.length };
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(client.messages.some(({ type }) => type === 'data')).toBe(false);
    // Two connections, each tried four times a second; or three seats that ask twice a second, and whatever they say.
    expect(line.connections - before.connections).toBeLessThan(20);
    expect(line.bytes - before.bytes).toBeLessThan(20_000);
    expect(gateway.out.slice(before.logged)).toBe('');
  });

  it('that loads its data for long is reported, and joined when it has', async () => {
    const slowly = ['--key-load-delay', '50000', '--loading-process-events-interval-bytes', '1024'];
    await using redis = await RedisServer.start([...slowly, '--rdbcompression', 'no']);
    await redis.ask('MSET', ...Array.from({ length: 80 }, (_, n) => [`key-${n}`, 'x'.repeat(2_000)]).flat());
    await redis.ask('SAVE');
    await redis.restart();
    await using gateway = gatewayWith(redis.url);
    const url = await gateway.listening();
    await waitFor(async () => (await ready(url)).reason === 'Redis is still loading its data.', 'the reason');
    expect((await ready(url)).status).toBe(503);
    await using client = await RawClient.connect(url);
    await client.subscribe('mock-binance', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ type }) => type === 'data');
    expect(await ready(url)).toEqual({ status: 200, state: 'ok', reason: null });
  });

  it('is left alone with `onLoss: direct` after ten seconds, and one of them leads again afterwards', async () => {
    await using fleet = await Fleet.start({ gateways: 2, env: { TICKGRAPH_BUS__REDIS__ON_LOSS: 'direct' } });
    await fleet.trades(10);
    await fleet.redis.kill();
    await waitFor(() => fleet.gateway(1).auditor.states.at(-1) === 'stale', 'a follower that is stale');
    await waitFor(() => fleet.upstreams === 2, 'a connection of its own', 15_000);
    await fleet.untilLive();
    await fleet.trades(20);
    await fleet.redis.begin();
    await waitFor(() => fleet.upstreams === 1, 'one connection again');
    await fleet.trades(20);
    await fleet.untilLive();
    await fleet.settle();
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
  }, 40_000);

  it('go on with the next master if Sentinels have made one, and miss nothing', async () => {
    await using sentinels = await SentinelSet.start();
    await using fleet = await Fleet.start({ gateways: 2, env: { REDIS_URL: sentinels.url } });
    await fleet.trades(20);
    const [leader, follower] = [fleet.gateway(0), fleet.gateway(1)];
    const before = leader.auditor.states.length;
    const began = performance.now();
    await sentinels.master.kill();
    await fleet.trades(20, [leader]);
    const known = follower.auditor.tradeIds.length;
    await waitFor(() => follower.auditor.tradeIds.length > known + 5, 'trades over the next master', 15_000);
    expect(performance.now() - began).toBeLessThan(12_000);
    await fleet.untilLive();
    expect(leader.auditor.states).toHaveLength(before);
    expect(fleet.upstreams).toBe(1);
    await fleet.settle();
    for (const { auditor } of fleet.gateways) expect(auditor.states).not.toContain('gap');
  }, 40_000);

  it('are restarted one after the other, and clients that resume miss nothing', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    const ids: number[] = [];
    let cursor: string | null = null;
    const stay = async (trades: number, action: () => Promise<void>): Promise<void> => {
      const url = fleet.gateways.at(-1)?.url ?? '';
      await using client = await RawClient.connect(url);
      const resume = cursor === null ? {} : { resume: [cursor] };
      await client.ask({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], types: ['trade'], ...resume });
      await action();
      await waitFor(() => client.data('trade').length >= trades, 'trades');
      for (const { tradeId } of client.data('trade')) ids.push(Number(tradeId));
      cursor = String(client.data('trade').at(-1)?.['cursor']);
    };
    for (let round = 0; round < 3; round += 1) {
      await stay(10, async () => {
        const [oldest] = fleet.gateways;
        if (oldest === undefined) return;
        fleet.remove(oldest);
        oldest.process.kill('SIGTERM');
        expect(await oldest.process.exited()).toBe(0);
        await fleet.add();
      });
    }
    await stay(10, () => Promise.resolve());
    expect(ids).toEqual(ids.map((_id, at) => (ids[0] ?? 0) + at));
    expect(fleet.upstreams).toBe(1);
    await fleet.untilLive();
    await fleet.settle();
  }, 40_000);
});

import { expect, it } from 'vitest';
import { RedisBus } from '../../src/bus/redis/RedisBus.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { RedisServer } from '../support/RedisServer.ts';
import { waitFor } from '../support/waitFor.ts';

const URL = 'https://data-api.binance.vision';

function join(redis: RedisServer): { readonly bus: RedisBus; readonly hosts: BinanceHosts } {
  const clock = systemClock;
  const random = systemRandom;
  const [logger, metrics] = [silentLogger(), new Metrics()];
  const bus = new RedisBus({ url: redis.url, prefix: 'test', onLoss: 'stale', clock, random, logger, metrics });
  const hosts = new BinanceHosts({ clock, random, pauses: bus });
  bus.start();
  return { bus, hosts };
}

it.skipIf(LACKS_REDIS)(
  'a pause that a venue asks one gateway for holds for all, also for one that joins later',
  async () => {
    await using redis = await RedisServer.start();
    const [first, second] = [join(redis), join(redis)];
    await using _first = first.bus;
    await using _second = second.bus;
    await waitFor(() => first.bus.health.state === 'ok' && second.bus.health.state === 'ok', 'Redis');
    const queue = second.hosts.requests(URL);
    first.hosts.requests(URL).pause(60_000);
    await waitFor(() => queue.parking !== null, 'the pause at the other gateway');
    expect(queue.parking?.forMs).toBeGreaterThan(55_000);
    expect(second.hosts.requests('https://api.example.org').parking).toBeNull();

    const third = join(redis);
    await using _third = third.bus;
    const late = third.hosts.requests(URL);
    await waitFor(() => late.parking !== null, 'the pause at a gateway that came later');
  },
);

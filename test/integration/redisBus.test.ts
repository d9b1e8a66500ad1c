import { basename } from 'node:path';
import { describe } from 'vitest';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import { busOver } from '../support/BusPair.ts';
import { promisesOfEveryBus } from '../support/busConformance.ts';
import { promisesOfEveryFleet } from '../support/fleetConformance.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { REDIS_PROGRAMS, RedisServer } from '../support/RedisServer.ts';

describe('the bus of a single gateway', () => {
  promisesOfEveryBus(() => Promise.resolve(new MemoryBus()));
});

// Without any program, CI fails at the start of the server.
const programs = REDIS_PROGRAMS.length === 0 ? ['redis-server'] : REDIS_PROGRAMS;

describe.skipIf(LACKS_REDIS).each(programs.map((program) => ({ program, name: basename(program) })))(
  'the bus over Redis, with $name',
  ({ program }) => {
    const start = (): Promise<RedisServer> => RedisServer.start([], program);

    describe('in a gateway', () => {
      promisesOfEveryBus(async () => {
        const redis = await start();
        const bus = busOver(redis);
        const end = bus[Symbol.asyncDispose].bind(bus);
        bus[Symbol.asyncDispose] = async () => {
          await end();
          await redis[Symbol.asyncDispose]();
        };
        return bus;
      });
    });

    describe('in gateways that share it', () => {
      promisesOfEveryFleet(start);
    });
  },
);

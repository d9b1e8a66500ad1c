import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import { RedisBus } from '../../src/bus/redis/RedisBus.ts';
import type { Channel, FleetSeat } from '../../src/bus/EventBus.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../src/market/cursor.ts';
import { addressOf, streamKey } from '../../src/market/marketData.ts';
import type { MarketData, StreamKey } from '../../src/market/marketData.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { seededRandom, systemRandom } from '../../src/shared/random.ts';
import { noting, promisesOfEveryBus } from '../support/busConformance.ts';
import { tick, trade } from '../support/events.ts';
import { REDIS, RedisServer } from '../support/RedisServer.ts';
import { waitFor } from '../support/waitFor.ts';

const EPOCH = 'abcdefghijkl';

function busOf({ url }: RedisServer): RedisBus {
  const bus = new RedisBus({
    url,
    prefix: 'test',
    onLoss: 'stale',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    metrics: new Metrics(),
  });
  bus.start();
  return bus;
}

function keyFor(symbol: string, type: 'tick' | 'trade' | 'status' = 'tick', scope = 'shared'): StreamKey {
  return streamKey({ scope, broker: 'binance', symbol, type, interval: null });
}

/** An event of a stream, with a cursor that is its own. */
function eventOf(key: StreamKey, sequence: number): MarketData {
  const address = addressOf(key);
  const cursor = formatCursor(cursorPrefix(streamMark(address), EPOCH), sequence);
  const event = address.type === 'trade' ? trade(sequence) : tick(sequence);
  return { ...event, symbol: address.symbol, cursor };
}

/** A gateway that leads, and serves what others want. */
class LeadingGateway implements AsyncDisposable {
  readonly bus: RedisBus;
  readonly seat: FleetSeat;
  readonly streams = new Map<StreamKey, { readonly channel: Channel; sequence: number; last: MarketData | null }>();
  isLeading = false;

  constructor(redis: RedisServer) {
    this.bus = busOf(redis);
    this.bus.subscribe(noting((key) => [this.streams.get(key)?.last ?? []].flat()));
    this.seat = this.bus.join('binance', {
      lead: () => (this.isLeading = true),
      follow: () => (this.isLeading = false),
      serve: (wanted) => {
        for (const key of wanted) {
          if (this.streams.has(key)) continue;
          const channel = this.bus.open(key, { epoch: EPOCH, sequence: 0 });
          this.streams.set(key, { channel, sequence: 0, last: null });
        }
        for (const [key, { channel }] of this.streams) {
          if (wanted.has(key)) continue;
          this.streams.delete(key);
          channel[Symbol.dispose]();
        }
      },
    });
    this.seat.canLead = true;
  }

  publish(key: StreamKey): void {
    const stream = this.streams.get(key);
    if (stream === undefined) return;
    stream.sequence += 1;
    stream.last = eventOf(key, stream.sequence);
    stream.channel.publish(stream.last);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus[Symbol.asyncDispose]();
  }
}

/** A gateway that leads, and one that follows. */
async function twoGateways() {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await RedisServer.start());
  const leader = stack.use(new LeadingGateway(redis));
  const bus = stack.use(busOf(redis));
  const receiver = noting();
  bus.subscribe(receiver);
  const seat = bus.join('binance', { lead: () => undefined, follow: () => undefined, serve: () => undefined });
  await waitFor(() => leader.isLeading && bus.health.state === 'ok', 'a leader');
  const owned = stack.move();
  return { leader, receiver, redis, seat, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe('the bus of a single gateway', () => {
  promisesOfEveryBus(() => Promise.resolve(new MemoryBus()));
});

describe.skipIf(REDIS === undefined && process.env['CI'] === undefined)('the bus over Redis', () => {
  describe('in a gateway', () => {
    promisesOfEveryBus(async () => {
      const redis = await RedisServer.start();
      const bus = busOf(redis);
      const end = bus[Symbol.asyncDispose].bind(bus);
      bus[Symbol.asyncDispose] = async () => {
        await end();
        await redis[Symbol.asyncDispose]();
      };
      return bus;
    });
  });

  it('never leaves a stream mute or orphaned, however often it is wanted and given up', async () => {
    await using pair = await twoGateways();
    const { leader, receiver, redis, seat } = pair;
    const random = seededRandom(7);
    const keys = Array.from({ length: 5 }, (_, n) => keyFor(`S${n}`));
    const followed = new Map<StreamKey, Disposable>();
    const toggle = (key: StreamKey): void => {
      const held = followed.get(key);
      if (held === undefined) followed.set(key, seat.follow(key, false));
      else {
        followed.delete(key);
        held[Symbol.dispose]();
      }
    };
    for (let step = 0; step < 10_000; step += 1) {
      toggle(keys[Math.floor(random() * keys.length)] ?? keyFor('S0'));
      if (step % 50 === 0) await new Promise(setImmediate);
    }
    for (const key of keys) if (!followed.has(key)) toggle(key);
    await waitFor(() => keys.every((key) => leader.streams.has(key)), 'all streams at the leader');
    const before = receiver.heard.length;
    await waitFor(() => {
      for (const key of keys) leader.publish(key);
      return receiver.heard.slice(before).filter((word) => /^\d+$/.test(word)).length >= 50;
    }, 'events of every stream');
    for (const key of keys) toggle(key);
    await waitFor(() => leader.streams.size === 0, 'no stream at the leader');
    await waitFor(async () => !JSON.stringify(await redis.ask('PUBSUB', 'CHANNELS')).includes(':ch:'), 'no channel');
  });

  it('gives a gateway that joins the newest value and then everything, without a hole', async () => {
    await using pair = await twoGateways();
    const { leader, receiver, seat } = pair;
    const key = keyFor('BTCUSDT');
    const timer = setInterval(() => {
      leader.publish(key);
    }, 1);
    const numbers = (): number[] => receiver.heard.filter((word) => /^\d+$/.test(word)).map(Number);
    try {
      for (let round = 0; round < 20; round += 1) {
        receiver.heard.length = 0;
        using _followed = seat.follow(key, false);
        await waitFor(() => numbers().length > 20, 'events');
        const [first = 0] = numbers();
        expect(numbers()).toEqual(numbers().map((_number, at) => first + at));
      }
    } finally {
      clearInterval(timer);
    }
  });

  it('gets nothing of what flows because of a client’s own credentials', async () => {
    await using redis = await RedisServer.start();
    await using leader = new LeadingGateway(redis);
    await waitFor(() => leader.isLeading, 'a leader');
    const own = leader.bus.open(keyFor('SECRET', 'trade', 'scope-of-a-client'), { epoch: EPOCH, sequence: 0 });
    for (let n = 1; n <= 10; n += 1) own.publish(eventOf(keyFor('SECRET', 'trade', 'scope-of-a-client'), n));
    const shared = leader.bus.open(keyFor('OPEN', 'trade'), { epoch: EPOCH, sequence: 0 });
    shared.publish(eventOf(keyFor('OPEN', 'trade'), 1));
    const keys = async (): Promise<string> => JSON.stringify(await redis.ask('KEYS', '*'));
    await waitFor(async () => (await keys()).includes('OPEN'), 'the shared stream in Redis');
    expect(await keys()).not.toContain('SECRET');
    own[Symbol.dispose]();
    shared[Symbol.dispose]();
  });
});

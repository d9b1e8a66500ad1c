import type { Channel, FleetSeat } from '../../src/bus/EventBus.ts';
import { RedisBus } from '../../src/bus/redis/RedisBus.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../src/market/cursor.ts';
import { addressOf, streamKey } from '../../src/market/marketData.ts';
import type { MarketData, StreamKey } from '../../src/market/marketData.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { noting } from './busConformance.ts';
import { tick, trade } from './events.ts';
import type { RedisServer } from './RedisServer.ts';
import { waitFor } from './waitFor.ts';

const EPOCH = 'abcdefghijkl';

/** The bus of one gateway of the fleet `test`, which connects to this server. */
export function busOver({ url }: RedisServer, metrics = new Metrics()): RedisBus {
  const bus = new RedisBus({
    url,
    prefix: 'test',
    onLoss: 'stale',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    metrics,
  });
  bus.start();
  return bus;
}

export function keyFor(symbol: string, type: 'tick' | 'trade' = 'tick', scope = 'shared'): StreamKey {
  return streamKey({ scope, broker: 'binance', symbol, type, interval: null });
}

/** An event of a stream, with a cursor that is its own. */
export function eventOf(key: StreamKey, sequence: number): MarketData {
  const address = addressOf(key);
  const cursor = formatCursor(cursorPrefix(streamMark(address), EPOCH), sequence);
  const event = address.type === 'trade' ? trade(sequence) : tick(sequence);
  return { ...event, symbol: address.symbol, cursor };
}

/** A gateway that leads, and serves what others want. */
export class LeadingGateway implements AsyncDisposable {
  readonly bus: RedisBus;
  readonly seat: FleetSeat;
  readonly streams = new Map<StreamKey, { readonly channel: Channel; sequence: number; last: MarketData | null }>();
  isLeading = false;

  constructor(redis: RedisServer) {
    this.bus = busOver(redis);
    this.bus.subscribe(noting((key) => [this.streams.get(key)?.last ?? []].flat()));
    this.seat = this.bus.join('binance', {
      lead: () => (this.isLeading = true),
      follow: () => (this.isLeading = false),
      serve: (wanted) => {
        for (const key of wanted) if (!this.streams.has(key)) this.open(key);
        for (const key of this.streams.keys()) if (!wanted.has(key)) this.close(key);
      },
    });
    this.seat.canLead = true;
  }

  open(key: StreamKey): void {
    const channel = this.bus.open(key, { epoch: EPOCH, sequence: 0 });
    this.streams.set(key, { channel, sequence: 0, last: null });
  }

  close(key: StreamKey): void {
    this.streams.get(key)?.channel[Symbol.dispose]();
    this.streams.delete(key);
  }

  publish(key: StreamKey): void {
    const stream = this.streams.get(key);
    if (stream === undefined) return;
    stream.sequence += 1;
    stream.last = eventOf(key, stream.sequence);
    stream.channel.publish(stream.last);
  }

  reset(key: StreamKey): void {
    const stream = this.streams.get(key);
    if (stream === undefined) return;
    stream.last = null;
    stream.channel.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus[Symbol.asyncDispose]();
  }
}

/** A gateway that leads and one that follows, over one server, of which they dispose. */
export class BusPair implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly leader: LeadingGateway;
  /** The seat of the gateway that follows. */
  readonly seat: FleetSeat;
  readonly bus: RedisBus;
  readonly metrics = new Metrics();
  readonly receiver = noting();

  private constructor(redis: RedisServer) {
    this.redis = redis;
    this.leader = new LeadingGateway(redis);
    this.bus = busOver(redis, this.metrics);
    this.bus.subscribe(this.receiver);
    this.seat = this.bus.join('binance', { lead: () => undefined, follow: () => undefined, serve: () => undefined });
  }

  static async over(redis: RedisServer): Promise<BusPair> {
    const pair = new BusPair(redis);
    await waitFor(() => pair.leader.isLeading && pair.bus.health.state === 'ok', 'a leader');
    return pair;
  }

  /** The numbers of the events that came to the follower. */
  get numbers(): readonly number[] {
    return this.receiver.heard.filter((word) => /^\d+$/.test(word)).map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus[Symbol.asyncDispose]();
    await this.leader[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
  }
}

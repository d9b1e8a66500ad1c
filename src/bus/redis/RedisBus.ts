import type { StreamStart } from '../../market/cursor.ts';
import { addressOf, SHARED } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import { randomId } from '../../shared/random.ts';
import type {
  BusHealth,
  Channel,
  EventBus,
  Fleet,
  FleetMember,
  FleetSeat,
  StreamPast,
  StreamReceiver,
} from '../EventBus.ts';
import { NO_RECEIVER } from '../MemoryBus.ts';
import { BrokerSeat } from './BrokerSeat.ts';
import type { Batching } from './Outgoing.ts';
import { Pauses } from './Pauses.ts';
import { RedisLink } from './RedisLink.ts';
import { startBehind } from './StreamReader.ts';

export interface RedisBusOptions {
  readonly url: string;
  /** Gateways with the same prefix are one fleet. */
  readonly prefix: string;
  readonly onLoss: 'stale' | 'direct';
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** See OutgoingOptions. */
  readonly batching?: Batching;
}

const NO_PAST: StreamPast = { known: [], missed: [] };
const STATES: readonly BusHealth['state'][] = ['ok', 'connecting', 'lost'];

/** The bus of several gateways: streams that all clients may see are shared over Redis, each from the gateway that leads its broker. */
export class RedisBus implements EventBus, Fleet {
  readonly #options: RedisBusOptions;
  readonly #link: RedisLink;
  readonly #pauses: Pauses;
  readonly #seats = new Map<string, BrokerSeat>();
  readonly #node = randomId();
  #receiver = NO_RECEIVER;
  #health: BusHealth = { engine: 'redis', state: 'connecting', reason: 'Redis has not been reached yet.' };

  constructor(options: RedisBusOptions) {
    this.#options = options;
    const { logger, metrics } = options;
    this.#link = new RedisLink({
      ...options,
      onDropped: () => {
        metrics.busWritesDropped.inc();
      },
      onReady: () => {
        logger.info('the bus is connected to Redis');
        this.#setHealth({ engine: 'redis', state: 'ok', reason: null });
        for (const seat of this.#seats.values()) seat.connected();
        void this.#pauses.read();
      },
      onLost: (reason) => {
        logger.warn({ reason }, 'the bus has lost Redis; it reconnects by itself');
        this.#setHealth({ engine: 'redis', state: 'lost', reason: 'The connection to Redis is lost.' });
      },
    });
    this.#pauses = new Pauses({ ...options, link: this.#link });
    this.#setHealth(this.#health);
  }

  /** Begins to connect. */
  start(): void {
    this.#link.start();
  }

  get health(): BusHealth {
    return this.#health;
  }

  get fleet(): Fleet {
    return this;
  }

  open(key: StreamKey, start: StreamStart, { known, missed }: StreamPast = NO_PAST): Channel {
    const local = this.#receiver.receive(key, startBehind(known, missed, start), known);
    for (const event of missed) local.publish(event);
    const { broker, scope } = addressOf(key);
    // What flows because of a client's own credentials stays on this gateway.
    return scope === SHARED ? (this.#seats.get(broker)?.open(key, start, local) ?? local) : local;
  }

  subscribe(receiver: StreamReceiver): Disposable {
    this.#receiver = receiver;
    return {
      [Symbol.dispose]: () => {
        if (this.#receiver === receiver) this.#receiver = NO_RECEIVER;
      },
    };
  }

  join(broker: string, member: FleetMember): FleetSeat {
    const seat = new BrokerSeat({
      ...this.#options,
      broker,
      node: this.#node,
      member,
      link: this.#link,
      receiver: () => this.#receiver,
      onEnd: () => {
        if (this.#seats.get(broker) === seat) this.#seats.delete(broker);
      },
    });
    this.#seats.set(broker, seat);
    return seat;
  }

  announcePause(host: string, durationMs: number): void {
    this.#pauses.announce(host, durationMs);
  }

  onPause(listener: (host: string, durationMs: number) => void): void {
    this.#pauses.listen(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#seats.values()].map((seat) => seat[Symbol.asyncDispose]()));
    this.#receiver = NO_RECEIVER;
    await this.#link[Symbol.asyncDispose]();
  }

  #setHealth(health: BusHealth): void {
    this.#health = health;
    for (const state of STATES) this.#options.metrics.busState.set({ state }, state === health.state ? 1 : 0);
  }
}

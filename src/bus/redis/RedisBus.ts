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
import { ReceiverSlot } from '../ReceiverSlot.ts';
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
const REFUSALS: Readonly<Record<string, string>> = {
  LOADING: 'Redis is still loading its data.',
  MISCONF: 'Redis takes no writes, because it can not save them.',
  NOAUTH: 'Redis wants a password.',
  NOPERM: 'Redis does not let its user do what the gateway needs.',
  OOM: 'Redis takes no writes, because its memory is full.',
  READONLY: 'Redis takes no writes, because it is a replica.',
  WRONGPASS: 'Redis refuses the user or the password.',
};
const STATES: readonly BusHealth['state'][] = ['ok', 'connecting', 'lost'];

/** The bus of several gateways: streams that all clients may see are shared over Redis, each from the gateway that leads its broker. */
export class RedisBus implements EventBus, Fleet {
  readonly #options: RedisBusOptions;
  readonly #link: RedisLink;
  readonly #pauses: Pauses;
  readonly #seats = new Map<string, BrokerSeat>();
  readonly #node = randomId();
  readonly #receiver = new ReceiverSlot();
  #health: BusHealth = { engine: 'redis', state: 'connecting', reason: null };
  /** Why Redis can't be reached, in its own words; none while it can. */
  readonly #troubles = new Set<string>();

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
        this.#troubles.clear();
        this.#setHealth('ok', null);
        for (const seat of this.#seats.values()) seat.connected();
        void this.#pauses.read();
      },
      onLost: (reason) => {
        this.#lose(reason);
      },
      onRefused: (reason) => {
        if (reason !== null) logger.warn({ reason }, 'Redis refuses what the bus asks; it is asked again');
        if (this.#troubles.size > 0) return;
        if (reason === null) this.#setHealth('ok', null);
        else this.#setHealth('lost', refusalOf(reason) ?? 'Redis refuses what it is asked.');
      },
    });
    this.#pauses = new Pauses({ ...options, link: this.#link });
    this.#setHealth('connecting', 'Redis has not been reached yet.');
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
    const local = this.#receiver.current.receive(key, startBehind(known, missed, start), known);
    for (const event of missed) local.publish(event);
    const { broker, scope } = addressOf(key);
    // A stream that flows because of a client's own credentials stays on this gateway.
    return scope === SHARED ? (this.#seats.get(broker)?.open(key, start, local) ?? local) : local;
  }

  subscribe(receiver: StreamReceiver): Disposable {
    return this.#receiver.fill(receiver);
  }

  join(broker: string, member: FleetMember): FleetSeat {
    const seat = new BrokerSeat({
      ...this.#options,
      broker,
      node: this.#node,
      member,
      link: this.#link,
      receiver: () => this.#receiver.current,
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
    this.#receiver.clear();
    await this.#link[Symbol.asyncDispose]();
  }

  #lose(reason: string): void {
    const refusal = refusalOf(reason);
    const wasReached = this.#troubles.size === 0 && this.#health.state !== 'connecting';
    // It is tried several times a second.
    if (!this.#troubles.has(reason)) {
      const message = wasReached ? 'the bus has lost Redis' : 'the bus can not reach Redis';
      this.#options.logger.warn({ reason }, `${message}; it reconnects by itself`);
    }
    this.#troubles.add(reason);
    if (refusal !== null) this.#setHealth('lost', refusal);
    else if (wasReached) this.#setHealth('lost', 'The connection to Redis is lost.');
  }

  #setHealth(state: BusHealth['state'], reason: string | null): void {
    this.#health = { engine: 'redis', state, reason };
    for (const each of STATES) this.#options.metrics.busState.set({ state: each }, each === state ? 1 : 0);
  }
}

/** Returns the sentence for the code in an answer of Redis; null if it has none of these codes. */
function refusalOf(answer: string): string | null {
  const code = /\b(?:LOADING|MISCONF|NOAUTH|NOPERM|OOM|READONLY|WRONGPASS)\b/.exec(answer)?.[0];
  return code === undefined ? null : (REFUSALS[code] ?? null);
}

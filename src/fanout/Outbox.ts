import type { WebSocket } from 'ws';
import type { Clock } from '../shared/clock.ts';
import type { GatewayError } from '../shared/errors.ts';
import type { ClientProtocol, Metrics } from '../shared/metrics.ts';
import type { ByteBudget } from './ByteBudget.ts';
import { closeReason } from './closeReason.ts';
import type { Emission, Encoder } from './Emission.ts';
import { slowConsumer } from './EventQueue.ts';
import { PendingEvents } from './PendingEvents.ts';

/** What an outbox needs of a socket. */
export type OutboxSocket = Pick<WebSocket, 'send' | 'close' | 'terminate' | 'readyState'>;

export interface OutboxOptions {
  readonly socket: OutboxSocket;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly protocol: ClientProtocol;
  /** The frame that tells a client that it was too slow; null where the protocol has told it already. */
  readonly slowConsumerNotice: (error: GatewayError) => string | null;
}

/** While this much is under way to the kernel, the socket does not keep up. */
const HIGH_WATER_BYTES = 64 * 1024;
/** How long a client that was told to go may take to answer. */
const CLOSE_GRACE_MS = 2_000;
const OPEN = 1;

/**
 * All that is written to one client's WebSocket, in order. While the socket keeps up it is a direct write. When not,
 * market data waits and is conflated, and replies count against the same budget; over it the client is told
 * SLOW_CONSUMER and closed with 1013. The connection that made it owns it and calls `dispose` when the socket closes.
 */
export class Outbox implements Disposable {
  readonly #options: OutboxOptions;
  readonly #pending: PendingEvents<Encoder>;
  readonly #waiters: (() => void)[] = [];
  #underWay = 0;
  #closing = false;
  #grace: Disposable | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { budget, metrics } = options;
    this.#pending = new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
  }

  /** A reply: never dropped. Resolves when the socket has room for more, or is gone. */
  send(text: string): Promise<void> {
    if (this.#closing || this.#options.socket.readyState !== OPEN) return Promise.resolve();
    this.#flush();
    const bytes = Buffer.from(text, 'utf8');
    // One reply may be larger than the whole budget; what counts is what the client has not taken before it.
    if (this.#underWay > HIGH_WATER_BYTES + this.#options.budget.limit) {
      this.closeSlow();
      return Promise.resolve();
    }
    this.#write(bytes);
    if (this.#hasRoom) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  /** Market data. The bytes are made only when they are written. */
  deliver(emission: Emission, encoder: Encoder): void {
    if (this.#closing || this.#options.socket.readyState !== OPEN) return;
    if (this.#hasRoom && this.#pending.size === 0) {
      this.#writeEvent(emission, encoder);
    } else if (!this.#pending.push(emission, encoder)) {
      this.closeSlow();
    }
  }

  /** The client could not keep up with what may not be dropped: it is told, and closed with 1013. */
  closeSlow(): void {
    if (this.#closing) return;
    const error = slowConsumer();
    const notice = this.#options.slowConsumerNotice(error);
    if (notice !== null) this.#write(Buffer.from(notice, 'utf8'));
    this.#options.metrics.slowConsumersClosed.inc({ protocol: this.#options.protocol });
    this.#options.metrics.errors.inc({ code: error.code });
    this.close(1013, error.message);
  }

  /** Closes the socket; one that does not answer is cut off after a while. */
  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#drop();
    this.#grace = this.#options.clock.after(CLOSE_GRACE_MS, () => {
      this.#options.socket.terminate();
    });
    this.#options.socket.close(code, closeReason(reason));
  }

  [Symbol.dispose](): void {
    this.#closing = true;
    this.#drop();
    this.#grace?.[Symbol.dispose]();
  }

  get #hasRoom(): boolean {
    return this.#underWay < HIGH_WATER_BYTES;
  }

  #drop(): void {
    this.#pending.clear();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #writeEvent(emission: Emission, encoder: Encoder): void {
    const { metrics, protocol } = this.#options;
    metrics.eventsDelivered.inc({ protocol, type: emission.event.type });
    this.#write(emission.bytes(encoder));
  }

  #write(bytes: Buffer): void {
    this.#underWay += bytes.length;
    this.#options.metrics.bytesSent.inc({ protocol: this.#options.protocol }, bytes.length);
    this.#options.socket.send(bytes, { binary: false }, () => {
      this.#underWay -= bytes.length;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#hasRoom && !this.#closing) {
      const first = this.#pending.shift();
      if (first === undefined) break;
      this.#writeEvent(first.emission, first.way);
    }
    if (this.#hasRoom) for (const wake of this.#waiters.splice(0)) wake();
  }
}

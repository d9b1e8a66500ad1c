import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MarketData } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import type { GatewayError } from '../shared/errors.ts';
import type { ClientProtocol, DeliveryCounters, Metrics } from '../shared/metrics.ts';
import type { ByteBudget } from './ByteBudget.ts';
import { closeReason } from './closeReason.ts';
import type { Emission, Encoder } from './Emission.ts';
import { slowConsumer } from './EventQueue.ts';
import { PendingEvents } from './PendingEvents.ts';
import type { Flushable, TurnFlusher } from './TurnFlusher.ts';

/** What an outbox needs of a WebSocket, and of the connection beneath it. */
export type OutboxSocket = Pick<WebSocket, 'send' | 'close' | 'terminate' | 'readyState'>;
export type OutboxStream = Pick<Duplex, 'write' | 'writableLength' | 'on' | 'off'>;

/** How the events of one subscription are told to its client. Its identity is the subscription. */
export interface Way {
  readonly encoder: Encoder;
  /** Of graphql-transport-ws: the operation's id, as JSON with its quotes. Null: frames without an id. */
  readonly id: Buffer | null;
}

export interface OutboxOptions {
  readonly socket: OutboxSocket;
  /** What the socket writes to. Nobody else writes to it. */
  readonly stream: OutboxStream;
  readonly flusher: TurnFlusher;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly protocol: ClientProtocol;
  /** Called once, when a client that was too slow is given up: gives the last frame for it, which says so; null: none. */
  readonly slowConsumerNotice: (error: GatewayError, way: Way | null) => string | null;
}

interface Unwritten {
  readonly emission: Emission;
  readonly way: Way;
}

/** While this much is under way to the kernel, the socket does not keep up. */
const HIGH_WATER_BYTES = 64 * 1024;
/** Events of one turn that share a write at most; over it they are written in the middle of the turn. */
const MAX_TURN = 1_024;
/** How long a client that was told to go may take to answer. */
const CLOSE_GRACE_MS = 2_000;
const OPEN = 1;
const SCRATCH_BYTES = 64 * 1024;

/** Where the frames of one turn are gathered for one write; as long as the kernel takes it at once it serves every client. */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/**
 * All that is written to one client's WebSocket, in order. Market data of one turn leaves in one write, in frames whose
 * bytes are shared with every other client that gets them. While the socket does not keep up, market data waits and is
 * conflated, and replies count against the same budget; over it the client is told SLOW_CONSUMER and closed with 1013. The
 * connection that made it owns it and disposes of it when the socket closes.
 */
export class Outbox implements Disposable, Flushable {
  readonly #options: OutboxOptions;
  readonly #counters: DeliveryCounters;
  readonly #pending: PendingEvents<Way>;
  readonly #waiters: (() => void)[] = [];
  #turn: Unwritten[] = [];
  #closing = false;
  #grace: Disposable | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { budget, metrics, protocol, stream } = options;
    this.#counters = metrics.deliveryCounters(protocol);
    this.#pending = new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
    stream.on('drain', this.#drained);
  }

  /**
   * A reply: never dropped. Resolves when the socket has room for more, or is gone. Whoever asks on while answers wait
   * unread is too slow; one answer, whatever its size, is no reason.
   */
  send(text: string): Promise<void> {
    const { socket, stream, budget } = this.#options;
    if (this.#closing || socket.readyState !== OPEN) return Promise.resolve();
    this.flush();
    if (stream.writableLength > HIGH_WATER_BYTES + budget.limit) {
      this.closeSlow();
      return Promise.resolve();
    }
    this.#reply(text);
    if (this.#hasRoom) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  /** Market data; it leaves at the end of the turn. */
  deliver(emission: Emission, way: Way): void {
    if (this.#closing || this.#options.socket.readyState !== OPEN) return;
    if (this.#pending.size > 0 || !this.#hasRoom) {
      if (!this.#pending.push(emission, way)) this.closeSlow(way);
      return;
    }
    this.#turn.push({ emission, way });
    if (this.#turn.length === 1) this.#options.flusher.add(this);
    else if (this.#turn.length >= MAX_TURN) this.flush();
  }

  /** Nothing more of this subscription leaves: it has ended. */
  forget(way: Way): void {
    this.#turn = this.#turn.filter((unwritten) => unwritten.way !== way);
    this.#pending.forget(way);
  }

  /** Writes what this turn has brought. */
  flush(): void {
    const turn = this.#turn;
    if (turn.length === 0 || this.#closing) return;
    this.#turn = [];
    const [first] = turn;
    if (turn.length === 1 && first !== undefined) this.#writeOne(first);
    else this.#writeTogether(turn);
  }

  /** The client could not keep up with what may not be dropped: it is told, and closed with 1013. */
  closeSlow(way: Way | null = null): void {
    if (this.#closing) return;
    // Nothing more of the market follows the notice.
    this.#turn = [];
    const error = slowConsumer();
    const { metrics, protocol, slowConsumerNotice } = this.#options;
    const notice = slowConsumerNotice(error, way);
    if (notice !== null) this.#reply(notice);
    metrics.slowConsumersClosed.inc({ protocol });
    metrics.errors.inc({ code: error.code });
    this.close(1013, error.message);
  }

  /** Closes the socket; one that does not answer is cut off after a while. */
  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.flush();
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
    this.#options.stream.off('drain', this.#drained);
  }

  get #hasRoom(): boolean {
    return this.#options.stream.writableLength < HIGH_WATER_BYTES;
  }

  #drop(): void {
    this.#turn = [];
    this.#pending.clear();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #reply(text: string): void {
    this.#counters.bytes.inc(Buffer.byteLength(text));
    this.#options.socket.send(text);
  }

  /** The frame is shared: it stays so if the kernel takes it at once, and else belongs to the stream that waits with it. */
  #writeOne({ emission, way }: Unwritten): void {
    const frames = emission.frames(way.encoder);
    const { stream } = this.#options;
    const frame = way.id === null ? frames.plain() : frames.withId(way.id);
    stream.write(frame);
    if (stream.writableLength > 0) frames.give();
    this.#count(emission.event.type, frame.length);
  }

  #writeTogether(turn: readonly Unwritten[]): void {
    let end = 0;
    for (const unwritten of turn) {
      const { emission, way } = unwritten;
      const frames = emission.frames(way.encoder);
      const frame = way.id === null ? frames.plain() : frames.withId(way.id);
      if (end + frame.length > SCRATCH_BYTES) {
        this.#writeScratch(end);
        end = 0;
      }
      if (frame.length > SCRATCH_BYTES) {
        this.#writeOne(unwritten);
        continue;
      }
      frame.copy(scratch, end);
      end += frame.length;
      this.#count(emission.event.type, frame.length);
    }
    this.#writeScratch(end);
  }

  #writeScratch(end: number): void {
    if (end === 0) return;
    const { stream } = this.#options;
    stream.write(scratch.subarray(0, end));
    // What the kernel did not take at once is the stream's now.
    if (stream.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  #count(type: MarketData['type'], bytes: number): void {
    this.#counters.events[type].inc(1);
    this.#counters.bytes.inc(bytes);
  }

  readonly #drained = (): void => {
    while (this.#hasRoom && !this.#closing) {
      const first = this.#pending.shift();
      if (first === undefined) break;
      this.#writeOne(first);
    }
    if (this.#hasRoom) for (const wake of this.#waiters.splice(0)) wake();
  };
}

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MarketData } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ClientProtocol, Metrics } from '../shared/metrics.ts';
import type { ByteBudget } from './ByteBudget.ts';
import { closeReason } from './closeReason.ts';
import type { DeflateWindow } from './CompressedFrames.ts';
import type { Delivery, Emission } from './Emission.ts';
import type { DeliveryMeter } from './DeliveryMeter.ts';
import { slowConsumer } from './EventQueue.ts';
import { PendingEvents } from './PendingEvents.ts';
import type { Encoder } from './PerEncoder.ts';
import type { SharedFrames } from './SharedFrames.ts';
import type { Flushable, Turn } from './Turn.ts';

/** What an outbox needs of a WebSocket, and of the connection beneath it. */
export interface OutboxSocket extends Pick<WebSocket, 'close' | 'terminate'> {
  readonly readyState: number;
  send(text: string, options: { readonly compress: boolean }): void;
}
export type OutboxStream = Pick<Duplex, 'write' | 'writableLength' | 'on' | 'off'>;

/** What messages are wrapped in. `event-stream`: server-sent events, each with its data. */
export type Framing = 'websocket' | 'event-stream';

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
  readonly turn: Turn;
  /** @default 'websocket' */
  readonly framing?: Framing;
  /** Of a client that takes compressed messages: payloads of so many bytes are compressed. Null: none. */
  readonly compressFromBytes: number | null;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  /** Of all clients of the protocol. */
  readonly meter: DeliveryMeter;
  readonly metrics: Metrics;
  readonly protocol: ClientProtocol;
  /** Called once, when the client is given up for this error: gives the last frame for it, which says so; null: none. */
  readonly lastWords: (error: GatewayError, way: Way | null) => string | null;
}

interface Unwritten {
  readonly delivery: Delivery;
  readonly way: Way;
}

/** While this much is under way to the kernel, the socket does not keep up. */
const HIGH_WATER_BYTES = 64 * 1024;
/** So many deliveries wait for the end of a turn at most; over it they are written in the middle of it. */
const MAX_UNWRITTEN = 256;
/** How long a client that was told to go may take to answer. */
const CLOSE_GRACE_MS = 2_000;
/** One that is slow has first to read what is under way to it: what it is told comes after that. */
const SLOW_GRACE_MS = 30_000;
const OPEN = 1;
const SCRATCH_BYTES = 64 * 1024;
/** More than any frame has around its payload and its id, compressed or not. */
const FRAME_BYTES = 128;

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
  readonly #socket: OutboxSocket;
  readonly #stream: OutboxStream;
  readonly #turn: Turn;
  readonly #meter: DeliveryMeter;
  readonly #window: DeflateWindow | null;
  readonly #isEventStream: boolean;
  /** Of the subscriptions that are told apart by theirs. */
  readonly #ways = new Set<Way>();
  /** Of the turn that is not over yet. */
  #unwritten: Unwritten[] = [];
  /** What the socket has no room for; null while there is nothing. */
  #pending: PendingEvents<Way> | null = null;
  #waiters: (() => void)[] = [];
  #closing = false;
  #grace: Disposable | null = null;
  /** What it was given: it only ever gets less. */
  #graceMs = Infinity;

  constructor(options: OutboxOptions) {
    const { compressFromBytes, meter, socket, stream, turn } = options;
    this.#options = options;
    this.#socket = socket;
    this.#stream = stream;
    this.#turn = turn;
    this.#meter = meter;
    this.#isEventStream = options.framing === 'event-stream';
    this.#window = compressFromBytes === null ? null : { thresholdBytes: compressFromBytes, mark: null, id: null };
    stream.on('drain', this.#drained);
  }

  /**
   * A reply: never dropped. Resolves when the socket has room for more, or is gone. Whoever asks on while answers wait
   * unread is too slow; one answer, whatever its size, is no reason.
   */
  send(text: string): Promise<void> {
    return this.#tell(() => {
      this.#reply(text);
    });
  }

  /** As `send`, for events in one message that others may be sent too. */
  sendEvents(emissions: readonly Emission[], frames: SharedFrames, id: Buffer | null): Promise<void> {
    return this.#tell(() => {
      for (const emission of emissions) this.#meter.told(emission);
      this.#meter.sent(this.#writeFrames(frames, id));
    });
  }

  /** A subscription begins; once disposed of it has ended, and nothing more of it leaves. */
  open(way: Way): Disposable {
    this.#ways.add(way);
    return {
      [Symbol.dispose]: () => {
        this.#ways.delete(way);
        this.#forget(way);
      },
    };
  }

  /** Market data; it leaves at the end of the turn. */
  deliver(delivery: Delivery, way: Way): void {
    if (this.#closing || this.#socket.readyState !== OPEN) return;
    if (this.#pending !== null || !this.#hasRoom) {
      this.#keep(delivery, way);
    } else if (this.#turn.isDirect && this.#ways.size <= 1) {
      // One stream had news, and no other subscription of the client can be told of it.
      this.#attempt(delivery, way);
    } else {
      this.#unwritten.push({ delivery, way });
      if (this.#unwritten.length === 1) this.#turn.flushAtEnd(this);
      else if (this.#unwritten.length >= MAX_UNWRITTEN) this.flush();
    }
  }

  /** Of what waits because the client does not read, these events are wanted no more. */
  withdraw(isGone: (event: MarketData) => boolean): void {
    this.#pending?.forget(({ emission }) => isGone(emission.event));
    this.#endPending();
  }

  /** Writes what this turn has brought. */
  flush(): void {
    const unwritten = this.#unwritten;
    const [first] = unwritten;
    if (first === undefined || this.#closing) return;
    this.#unwritten = [];
    if (unwritten.length === 1) this.#attempt(first.delivery, first.way);
    else this.#attemptTogether(unwritten);
  }

  /** The client could not keep up with what may not be dropped: it is told, and closed with 1013. */
  closeSlow(way: Way | null = null): void {
    if (this.#closing) return;
    this.#options.metrics.slowConsumersClosed.inc({ protocol: this.#options.protocol });
    this.#giveUp(slowConsumer(), way);
  }

  /** Closes the socket; one that does not answer is cut off after a while. */
  close(code: number, reason: string): void {
    if (!this.#closing) this.#end(code, reason);
    this.#cutOffAfter(CLOSE_GRACE_MS);
  }

  [Symbol.dispose](): void {
    this.#closing = true;
    this.#drop();
    this.#grace?.[Symbol.dispose]();
    this.#graceMs = 0;
    this.#stream.off('drain', this.#drained);
  }

  get #hasRoom(): boolean {
    return this.#stream.writableLength < HIGH_WATER_BYTES;
  }

  #forget(way: Way): void {
    this.#unwritten = this.#unwritten.filter((unwritten) => unwritten.way !== way);
    this.#pending?.forget((waiting) => waiting.way === way);
    this.#endPending();
  }

  #drop(): void {
    this.#unwritten = [];
    this.#pending?.clear();
    this.#pending = null;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #tell(write: () => void): Promise<void> {
    const { budget } = this.#options;
    // What was published before the reply was made is told before it.
    this.#turn.end();
    this.flush();
    if (this.#closing || this.#socket.readyState !== OPEN) return Promise.resolve();
    if (this.#stream.writableLength > HIGH_WATER_BYTES + budget.limit) {
      this.closeSlow();
      return Promise.resolve();
    }
    write();
    if (this.#hasRoom) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  #end(code: number, reason: string): void {
    this.flush();
    this.#closing = true;
    this.#drop();
    this.#socket.close(code, closeReason(reason));
  }

  #cutOffAfter(graceMs: number): void {
    if (graceMs >= this.#graceMs) return;
    this.#graceMs = graceMs;
    this.#grace?.[Symbol.dispose]();
    this.#grace = this.#options.clock.after(graceMs, () => {
      this.#socket.terminate();
    });
  }

  #reply(text: string): void {
    this.#meter.sent(Buffer.byteLength(text));
    // What the library compressed would be in the client's window, unknown to us.
    this.#socket.send(text, { compress: false });
  }

  /** Nothing more of the market follows what the client is told of the error. */
  #giveUp(error: GatewayError, way: Way | null): void {
    if (this.#closing) return;
    this.#unwritten = [];
    const { metrics, lastWords } = this.#options;
    const notice = lastWords(error, way);
    if (notice !== null) this.#reply(notice);
    metrics.errors.inc({ code: error.code });
    this.#end(1013, error.message);
    this.#cutOffAfter(SLOW_GRACE_MS);
  }

  /** A fault of ours while a client is told something ends that client, and nobody else. */
  #attempt(delivery: Delivery, way: Way): void {
    try {
      this.#write(delivery, way);
    } catch (thrown) {
      this.#giveUp(GatewayError.from(thrown), way);
    }
  }

  #attemptTogether(unwritten: readonly Unwritten[]): void {
    try {
      this.#writeTogether(unwritten);
    } catch (thrown) {
      this.#giveUp(GatewayError.from(thrown), null);
    }
  }

  /** The frames are shared: they stay so if the kernel takes them at once, and else belong to the stream that waits. */
  #write(delivery: Delivery, way: Way): void {
    const frames = delivery.frames(way.encoder);
    if (frames.payloadBytes > HIGH_WATER_BYTES && delivery.size > 1) {
      this.#writeApart(delivery, way);
      return;
    }
    this.#count(delivery, this.#writeFrames(frames, way.id));
  }

  /** Gives how many bytes they were. */
  #writeFrames(frames: SharedFrames, id: Buffer | null): number {
    const bytes = this.#bytes(frames, id);
    this.#stream.write(bytes);
    if (this.#stream.writableLength > 0) frames.give();
    return bytes.length;
  }

  #bytes(frames: SharedFrames, id: Buffer | null): Buffer {
    return this.#isEventStream ? frames.events() : frames.bytes(id, this.#window);
  }

  /** One after the other, as long as there is room. */
  #writeApart({ emissions }: Delivery, way: Way): void {
    for (const emission of emissions) {
      if (this.#pending === null && this.#hasRoom) this.#write(emission, way);
      else this.#keep(emission, way);
    }
  }

  #writeTogether(unwritten: readonly Unwritten[]): void {
    let end = 0;
    for (const { delivery, way } of unwritten) {
      const frames = delivery.frames(way.encoder);
      // No frame is so much longer than its payload.
      const most = frames.payloadBytes + delivery.size * (FRAME_BYTES + (way.id?.length ?? 0));
      if (end + most > SCRATCH_BYTES) {
        this.#writeScratch(end);
        end = 0;
      }
      if (this.#pending !== null || !this.#hasRoom) {
        this.#keep(delivery, way);
      } else if (most > SCRATCH_BYTES) {
        this.#write(delivery, way);
      } else {
        const bytes = this.#bytes(frames, way.id);
        scratch.set(bytes, end);
        end += bytes.length;
        this.#count(delivery, bytes.length);
      }
    }
    this.#writeScratch(end);
  }

  #writeScratch(end: number): void {
    if (end === 0) return;
    this.#stream.write(scratch.subarray(0, end));
    // What the kernel did not take at once is the stream's now.
    if (this.#stream.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  #count(delivery: Delivery, bytes: number): void {
    this.#meter.told(delivery);
    this.#meter.sent(bytes);
  }

  #keep({ emissions }: Delivery, way: Way): void {
    const { budget, metrics } = this.#options;
    this.#pending ??= new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
    for (const emission of emissions) {
      if (this.#closing) return;
      if (!this.#pending.push(emission, way, way.encoder.expansion)) this.closeSlow(way);
    }
  }

  #endPending(): void {
    if (this.#pending?.size === 0) this.#pending = null;
  }

  readonly #drained = (): void => {
    while (this.#hasRoom && !this.#closing) {
      const first = this.#pending?.shift();
      if (first === undefined) break;
      this.#attempt(first.emission, first.way);
    }
    this.#endPending();
    if (this.#hasRoom) for (const wake of this.#waiters.splice(0)) wake();
  };
}

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MarketData } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { ClientProtocol, Metrics } from '../../shared/metrics.ts';
import type { ByteBudget } from './PendingEvents.ts';
import { closeReason } from './closeReason.ts';
import type { DeflateWindow } from '../frames/CompressedFrames.ts';
import type { SharedUpdate, SharedEvent } from '../frames/SharedEvent.ts';
import type { DeliveryMeter } from './DeliveryMeter.ts';
import { slowConsumer } from './EventQueue.ts';
import { PendingEvents } from './PendingEvents.ts';
import type { Encoder } from '../frames/EncodingCache.ts';
import type { SharedFrames } from '../frames/SharedFrames.ts';
import type { Flushable, FlushScheduler } from '../routing/FlushScheduler.ts';

/** What an outbox needs of a WebSocket, and of the connection beneath it. */
export interface OutboxSocket extends Pick<WebSocket, 'close' | 'terminate'> {
  readonly readyState: number;
  send(text: string, options: { readonly compress: boolean }): void;
}
export type OutboxStream = Pick<Duplex, 'write' | 'writableLength' | 'on' | 'off'>;

/** What messages are wrapped in. `event-stream`: server-sent events, each with its data. */
export type Framing = 'websocket' | 'event-stream';

/** How the events of one subscription are told to its client. Its identity is the subscription. */
export interface OperationTarget {
  readonly encoder: Encoder;
  /** Of graphql-transport-ws: the operation's id, as JSON with its quotes. Null: frames without an id. */
  readonly id: Buffer | null;
}

export interface OutboxOptions {
  readonly socket: OutboxSocket;
  /** What the socket writes to. Nobody else writes to it. */
  readonly stream: OutboxStream;
  readonly scheduler: FlushScheduler;
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
  readonly finalMessage: (error: GatewayError, target: OperationTarget | null) => string | null;
}

interface Unwritten {
  readonly update: SharedUpdate;
  readonly target: OperationTarget;
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
  readonly #scheduler: FlushScheduler;
  readonly #meter: DeliveryMeter;
  readonly #window: DeflateWindow | null;
  readonly #isEventStream: boolean;
  /** Of the subscriptions that are told apart by theirs. */
  readonly #targets = new Set<OperationTarget>();
  /** Of the turn that is not over yet. */
  #unwritten: Unwritten[] = [];
  /** What the socket has no room for; null while there is nothing. */
  #pending: PendingEvents<OperationTarget> | null = null;
  #waiters: (() => void)[] = [];
  #closing = false;
  #grace: Disposable | null = null;
  /** What it was given: it only ever gets less. */
  #graceMs = Infinity;

  constructor(options: OutboxOptions) {
    const { compressFromBytes, meter, socket, stream, scheduler } = options;
    this.#options = options;
    this.#socket = socket;
    this.#stream = stream;
    this.#scheduler = scheduler;
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
    return this.#writeReply(() => {
      this.#reply(text);
    });
  }

  /** As `send`, for events in one message that others may be sent too. */
  sendEvents(events: readonly SharedEvent[], frames: SharedFrames, id: Buffer | null): Promise<void> {
    return this.#writeReply(() => {
      for (const sharedEvent of events) this.#meter.delivered(sharedEvent);
      this.#meter.sent(this.#writeFrames(frames, id));
    });
  }

  /** A subscription begins; once disposed of it has ended, and nothing more of it leaves. */
  open(target: OperationTarget): Disposable {
    this.#targets.add(target);
    return {
      [Symbol.dispose]: () => {
        this.#targets.delete(target);
        this.#forget(target);
      },
    };
  }

  /** Market data; it leaves at the end of the turn. */
  deliver(update: SharedUpdate, target: OperationTarget): void {
    if (this.#closing || this.#socket.readyState !== OPEN) return;
    if (this.#pending !== null || !this.#hasRoom) {
      this.#keep(update, target);
    } else if (this.#scheduler.isDirect && this.#targets.size <= 1) {
      // One stream had news, and no other subscription of the client can be told of it.
      this.#attempt(update, target);
    } else {
      this.#unwritten.push({ update, target });
      if (this.#unwritten.length === 1) this.#scheduler.flushLater(this);
      else if (this.#unwritten.length >= MAX_UNWRITTEN) this.flush();
    }
  }

  /** Of what waits because the client does not read, these events are wanted no more. */
  withdraw(isGone: (event: MarketData) => boolean): void {
    this.#pending?.forget(({ sharedEvent }) => isGone(sharedEvent.event));
    this.#endPending();
  }

  /** Writes what this turn has brought. */
  flush(): void {
    const unwritten = this.#unwritten;
    const [first] = unwritten;
    if (first === undefined || this.#closing) return;
    this.#unwritten = [];
    if (unwritten.length === 1) this.#attempt(first.update, first.target);
    else this.#attemptTogether(unwritten);
  }

  /** The client could not keep up with what may not be dropped: it is told, and closed with 1013. */
  closeSlow(target: OperationTarget | null = null): void {
    if (this.#closing) return;
    this.#options.metrics.slowConsumersClosed.inc({ protocol: this.#options.protocol });
    this.#giveUp(slowConsumer(), target);
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

  #forget(target: OperationTarget): void {
    this.#unwritten = this.#unwritten.filter((unwritten) => unwritten.target !== target);
    this.#pending?.forget((waiting) => waiting.target === target);
    this.#endPending();
  }

  #drop(): void {
    this.#unwritten = [];
    this.#pending?.clear();
    this.#pending = null;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #writeReply(write: () => void): Promise<void> {
    const { budget } = this.#options;
    // What was published before the reply was made is told before it.
    this.#scheduler.flushNow();
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
  #giveUp(error: GatewayError, target: OperationTarget | null): void {
    if (this.#closing) return;
    this.#unwritten = [];
    const { metrics, finalMessage } = this.#options;
    const notice = finalMessage(error, target);
    if (notice !== null) this.#reply(notice);
    metrics.errors.inc({ code: error.code });
    this.#end(1013, error.message);
    this.#cutOffAfter(SLOW_GRACE_MS);
  }

  /** A fault of ours while a client is told something ends that client, and nobody else. */
  #attempt(update: SharedUpdate, target: OperationTarget): void {
    try {
      this.#write(update, target);
    } catch (thrown) {
      this.#giveUp(GatewayError.from(thrown), target);
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
  #write(update: SharedUpdate, target: OperationTarget): void {
    const frames = update.frames(target.encoder);
    if (frames.payloadBytes > HIGH_WATER_BYTES && update.size > 1) {
      this.#writeApart(update, target);
      return;
    }
    this.#count(update, this.#writeFrames(frames, target.id));
  }

  /** Gives how many bytes they were. */
  #writeFrames(frames: SharedFrames, id: Buffer | null): number {
    const bytes = this.#bytes(frames, id);
    this.#stream.write(bytes);
    if (this.#stream.writableLength > 0) frames.detach();
    return bytes.length;
  }

  #bytes(frames: SharedFrames, id: Buffer | null): Buffer {
    return this.#isEventStream ? frames.events() : frames.bytes(id, this.#window);
  }

  /** One after the other, as long as there is room. */
  #writeApart({ events }: SharedUpdate, target: OperationTarget): void {
    for (const sharedEvent of events) {
      if (this.#pending === null && this.#hasRoom) this.#write(sharedEvent, target);
      else this.#keep(sharedEvent, target);
    }
  }

  #writeTogether(unwritten: readonly Unwritten[]): void {
    let end = 0;
    for (const { update, target } of unwritten) {
      const frames = update.frames(target.encoder);
      // No frame is so much longer than its payload.
      const most = frames.payloadBytes + update.size * (FRAME_BYTES + (target.id?.length ?? 0));
      if (end + most > SCRATCH_BYTES) {
        this.#writeScratch(end);
        end = 0;
      }
      if (this.#pending !== null || !this.#hasRoom) {
        this.#keep(update, target);
      } else if (most > SCRATCH_BYTES) {
        this.#write(update, target);
      } else {
        const bytes = this.#bytes(frames, target.id);
        scratch.set(bytes, end);
        end += bytes.length;
        this.#count(update, bytes.length);
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

  #count(update: SharedUpdate, bytes: number): void {
    this.#meter.delivered(update);
    this.#meter.sent(bytes);
  }

  #keep({ events }: SharedUpdate, target: OperationTarget): void {
    const { budget, metrics } = this.#options;
    this.#pending ??= new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
    for (const sharedEvent of events) {
      if (this.#closing) return;
      if (!this.#pending.push(sharedEvent, target, target.encoder.expansion)) this.closeSlow(target);
    }
  }

  #endPending(): void {
    if (this.#pending?.size === 0) this.#pending = null;
  }

  readonly #drained = (): void => {
    while (this.#hasRoom && !this.#closing) {
      const first = this.#pending?.shift();
      if (first === undefined) break;
      this.#attempt(first.sharedEvent, first.target);
    }
    this.#endPending();
    if (this.#hasRoom) for (const wake of this.#waiters.splice(0)) wake();
  };
}

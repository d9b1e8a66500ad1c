import type { MarketData } from '../../market/marketData.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { DeliveryMeter } from '../../shared/metrics.ts';
import { closeReason, TRY_AGAIN_LATER } from './closeReason.ts';
import type { DeflateWindow } from '../frames/CompressedFrames.ts';
import type { SharedEvent, SharedFrames, SharedUpdate } from '../frames/SharedEvent.ts';
import { slowConsumer } from './EventQueue.ts';
import type { EventWriter, OperationTarget, OutboxOptions, OutboxSocket, OutboxStream } from './outboxOptions.ts';
import { PendingEvents } from './PendingEvents.ts';
import type { Subscriber } from '../routing/Topic.ts';
import type { FlushScheduler, Flushable } from '../routing/FlushScheduler.ts';

interface Unwritten {
  readonly update: SharedUpdate;
  readonly target: OperationTarget;
}

/** The socket does not keep up while this many bytes wait for the kernel. */
const HIGH_WATER_BYTES = 64 * 1024;
/** At most this many updates wait for the end of a turn; then they are written early. */
const MAX_UNWRITTEN = 256;
/** How long a client may take to answer a close frame. */
const CLOSE_GRACE_MS = 2_000;
/** A slow client has to read what was written before it sees the close frame, so it gets longer. */
const SLOW_GRACE_MS = 30_000;
const OPEN = 1;
const SCRATCH_BYTES = 64 * 1024;
/** More bytes than any frame adds to its payload and its id, compressed or not. */
const FRAME_BYTES = 128;

/**
 * The frames of one turn are joined here for one write. All clients share the buffer as long as the kernel takes it at
 * once.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/**
 * Writes everything that is sent to one client, in order. Market data of one turn leaves in one write, in frames whose
 * bytes are shared with every other client that gets them. While the socket does not keep up, market data waits and is
 * conflated, and replies count against the same budget. If the budget is used up, the client gets SLOW_CONSUMER and is
 * closed with 1013. The connection owns its outbox and disposes of it when the socket closes.
 */
export class Outbox implements Disposable, Flushable {
  readonly #options: OutboxOptions;
  readonly #socket: OutboxSocket;
  readonly #stream: OutboxStream;
  readonly #scheduler: FlushScheduler;
  readonly #meter: DeliveryMeter;
  readonly #window: DeflateWindow | null;
  /** Null: WebSocket frames. */
  readonly #writer: EventWriter | null;
  /** The open subscriptions. */
  readonly #targets = new Set<OperationTarget>();
  /** Updates of the current turn. */
  #unwritten: Unwritten[] = [];
  /** Events that the socket has no room for; null while there are none. */
  #pending: PendingEvents<OperationTarget> | null = null;
  #waiters: (() => void)[] = [];
  #closing = false;
  #grace: Disposable | null = null;
  /** The grace period that was set last; it never grows. */
  #graceMs = Infinity;
  /** Ends the connection once nothing waits any more; null while it has not been finished. */
  #finishing: (() => void) | null = null;

  constructor(options: OutboxOptions) {
    const { compressFromBytes, meter, socket, stream, scheduler } = options;
    this.#options = options;
    this.#socket = socket;
    this.#stream = stream;
    this.#scheduler = scheduler;
    this.#meter = meter;
    this.#writer = options.writer ?? null;
    this.#window = compressFromBytes === null ? null : { thresholdBytes: compressFromBytes, mark: null, id: null };
    stream.on('drain', this.#drained);
  }

  /**
   * Sends a reply, which is never dropped. Resolves when the socket has room for more, or is closed. A client that
   * keeps asking while its answers wait unread is too slow; a single answer, however large, is not a reason.
   */
  send(text: string): Promise<void> {
    return this.#writeReply(() => {
      this.#reply(text);
    });
  }

  /** Sends several events in one message, which other clients may be sent too. */
  sendEvents(events: readonly SharedEvent[], frames: SharedFrames, id: Buffer | null): Promise<void> {
    return this.#writeReply(() => {
      for (const sharedEvent of events) this.#meter.delivered(sharedEvent);
      this.#meter.sent(this.#writeFrames(frames, events, id));
    });
  }

  /** Opens a subscription, whose updates are written until it is disposed of. */
  open(target: OperationTarget): Subscriber & Disposable {
    this.#targets.add(target);
    return {
      deliver: (update) => {
        this.deliver(update, target);
      },
      room: () => this.#room(),
      [Symbol.dispose]: () => {
        this.#targets.delete(target);
        this.#forget(target);
      },
    };
  }

  /** Sends market data; it is written at the end of the turn. */
  deliver(update: SharedUpdate, target: OperationTarget): void {
    if (this.#isEnding || this.#socket.readyState !== OPEN) return;
    if (this.#pending !== null || !this.#hasRoom) {
      this.#keep(update, target);
    } else if (this.#scheduler.isDirect && this.#targets.size <= 1) {
      // Only one stream had an event, and the client has no other subscription that could get it.
      this.#attempt(update, target);
    } else {
      this.#unwritten.push({ update, target });
      if (this.#unwritten.length === 1) this.#scheduler.flushLater(this);
      else if (this.#unwritten.length >= MAX_UNWRITTEN) this.flush();
    }
  }

  /** Drops the waiting events for which `isGone` is true. */
  withdraw(isGone: (event: MarketData) => boolean): void {
    this.#pending?.forget(({ sharedEvent }) => isGone(sharedEvent.event));
    this.#endPending();
  }

  /** Writes the updates of this turn. */
  flush(): void {
    const unwritten = this.#unwritten;
    const [first] = unwritten;
    if (first === undefined || this.#closing) return;
    this.#unwritten = [];
    if (unwritten.length === 1) this.#attempt(first.update, first.target);
    else this.#attemptTogether(unwritten);
    if (this.#hasRoom && this.#pending === null) this.#wake();
  }

  /** The client did not read fast enough: it gets SLOW_CONSUMER and is closed with 1013. */
  closeSlow(target: OperationTarget | null = null): void {
    if (this.#closing) return;
    this.#options.metrics.slowConsumersClosed.inc({ protocol: this.#options.protocol });
    this.#giveUp(slowConsumer(), target);
  }

  /** Closes the socket, and terminates it if the client does not answer in time. */
  close(code: number, reason: string): void {
    if (!this.#closing) this.#end(code, reason);
    this.#cutOffAfter(CLOSE_GRACE_MS);
  }

  /**
   * Closes like `close`, but the client gets first what waits for it, and then the `last` message. It has as long for all of
   * that as for a close.
   */
  finish(code: number, reason: string, last: string | null = null): void {
    if (this.#isEnding) return;
    // Events that were published before come first.
    this.#scheduler.flushNow();
    this.flush();
    this.#finishing = () => {
      if (last !== null && this.#socket.readyState === OPEN) this.#reply(last);
      this.#end(code, reason);
    };
    if (this.#pending === null) this.#finishing();
    this.#cutOffAfter(CLOSE_GRACE_MS);
  }

  [Symbol.dispose](): void {
    this.#closing = true;
    this.#drop();
    this.#grace?.[Symbol.dispose]();
    this.#graceMs = 0;
    this.#stream.off('drain', this.#drained);
  }

  /** Nothing new is taken. */
  get #isEnding(): boolean {
    return this.#closing || this.#finishing !== null;
  }

  get #hasRoom(): boolean {
    return this.#stream.writableLength < HIGH_WATER_BYTES;
  }

  #forget(target: OperationTarget): void {
    if (this.#finishing !== null) return;
    this.#unwritten = this.#unwritten.filter((unwritten) => unwritten.target !== target);
    this.#pending?.forget((waiting) => waiting.target === target);
    this.#endPending();
  }

  #drop(): void {
    this.#unwritten = [];
    this.#pending?.clear();
    this.#pending = null;
    this.#wake();
  }

  #writeReply(write: () => void): Promise<void> {
    const { budget } = this.#options;
    // Events that were published before the reply was made come first.
    this.#scheduler.flushNow();
    this.flush();
    if (this.#isEnding || this.#socket.readyState !== OPEN) return Promise.resolve();
    if (this.#stream.writableLength > HIGH_WATER_BYTES + budget.limit) {
      this.closeSlow();
      return Promise.resolve();
    }
    write();
    return this.#hasRoom ? Promise.resolve() : this.#untilRoom();
  }

  /** Resolves when the socket has room again, or is closed; null if it has room now. What this turn writes counts. */
  #room(): Promise<void> | null {
    const hasRoom = this.#hasRoom && this.#pending === null && this.#unwritten.length < MAX_UNWRITTEN / 2;
    return this.#closing || hasRoom ? null : this.#untilRoom();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #untilRoom(): Promise<void> {
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
    // A message that the library compressed would enter the client's window without our knowledge.
    this.#socket.send(text, { compress: false });
  }

  /** Nothing is written after the message that says why. */
  #giveUp(error: GatewayError, target: OperationTarget | null): void {
    if (this.#closing) return;
    this.#unwritten = [];
    const { metrics, finalMessage } = this.#options;
    const notice = finalMessage(error, target);
    if (notice !== null) this.#reply(notice);
    metrics.errors.inc({ code: error.code });
    this.#end(TRY_AGAIN_LATER, error.message);
    this.#cutOffAfter(SLOW_GRACE_MS);
  }

  /** If writing fails because of a fault of ours, only this client is closed. */
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

  /** The frames stay shared if the kernel takes them at once; otherwise they belong to the stream from now on. */
  #write(update: SharedUpdate, target: OperationTarget): void {
    const frames = update.frames(target.encoder);
    if (frames.payloadBytes > HIGH_WATER_BYTES && update.size > 1) {
      this.#writeApart(update, target);
      return;
    }
    this.#count(update, this.#writeFrames(frames, update.events, target.id));
  }

  /** Returns the number of bytes. */
  #writeFrames(frames: SharedFrames, events: readonly SharedEvent[], id: Buffer | null): number {
    const bytes = this.#bytes(frames, events, id);
    this.#stream.write(bytes);
    if (this.#stream.writableLength > 0) frames.detach();
    return bytes.length;
  }

  #bytes(frames: SharedFrames, events: readonly SharedEvent[], id: Buffer | null): Buffer {
    return this.#writer?.write(frames, events) ?? frames.bytes(id, this.#window);
  }

  /** Writes the events one by one, as long as there is room. */
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
      // The upper bound of the frames' length.
      const extraBytes = this.#writer?.extraBytes ?? FRAME_BYTES + (target.id?.length ?? 0);
      const most = frames.payloadBytes + update.size * extraBytes;
      if (end + most > SCRATCH_BYTES) {
        this.#writeScratch(end);
        end = 0;
      }
      if (this.#pending !== null || !this.#hasRoom) {
        this.#keep(update, target);
      } else if (most > SCRATCH_BYTES) {
        this.#write(update, target);
      } else {
        const bytes = this.#bytes(frames, update.events, target.id);
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
    // The stream keeps what the kernel did not take at once.
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
    if (this.#pending === null && !this.#closing) this.#finishing?.();
    if (this.#hasRoom) this.#wake();
  };
}

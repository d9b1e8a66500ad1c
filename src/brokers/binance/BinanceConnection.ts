import { assertNever } from '../../shared/errors.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';
import { WebSocketFeed } from '../../transport/WebSocketFeed.ts';
import type { OpenWebSocket, SocketEnd } from '../../transport/WebSocketFeed.ts';
import { parseFrame } from './streamMessages.ts';

export interface BinanceConnectionOptions {
  readonly url: string;
  readonly open: OpenWebSocket;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listener: BinanceConnectionListener;
}

/** A connection reports to its owner through this. Nothing is called once it has ended. */
export interface BinanceConnectionListener {
  onOpen(): void;
  /** False: the data is malformed. */
  onData(stream: string, data: unknown): boolean;
  /** The venue has acknowledged these streams. That does not mean that they exist. */
  onSubscribed(names: readonly string[]): void;
  /** The venue refuses this name as invalid. */
  onRefused(name: string): void;
  /** The server goes down shortly. */
  onShutdown(): void;
  onActivity(): void;
  onInvalid(): void;
}

interface Request {
  readonly method: ControlMethod;
  readonly names: readonly string[];
  readonly deadline: Disposable;
}

/**
 * The venue allows 5 frames in any second, pongs included; one is left for a pong. It counts frames as they arrive,
 * which may be closer together than they were sent.
 */
const MAX_FRAMES = 4;
const FRAME_WINDOW_MS = 1_250;
/** An answer normally takes less than a second; too large a frame is never answered. */
const REPLY_TIMEOUT_MS = 10_000;
/** The venue pings every 20 s. */
const DEAD_AFTER_MS = 60_000;
const MAX_INVALID_PER_MINUTE = 50;
const INVALID_REQUEST = 2;

/**
 * One connection to the stream servers: keeps the venue's subscriptions on it equal to a wanted set, within the venue's
 * limits on control frames. Its creator owns it until `gone`.
 */
export class BinanceConnection {
  readonly #options: BinanceConnectionOptions;
  readonly #feed: WebSocketFeed;
  readonly #frames: SlidingWindow;
  readonly #requests = new Map<number, Request>();
  readonly #asked = new Set<string>();
  readonly #acknowledged = new Set<string>();
  readonly #refused = new Set<string>();
  /** Wanted streams that are to be unsubscribed all the same, to be subscribed again. */
  readonly #renewed = new Set<string>();
  /** Halves of batches that the venue refused because one of their names is invalid. */
  #suspects: (readonly string[])[] = [];
  #wanted: ReadonlySet<string> = new Set();
  #lastId = 0;
  #nextFrame: Disposable | null = null;

  constructor(options: BinanceConnectionOptions) {
    this.#options = options;
    const { url, open, clock, logger, listener } = options;
    this.#frames = new SlidingWindow({ limit: MAX_FRAMES, windowMs: FRAME_WINDOW_MS, clock });
    this.#feed = new WebSocketFeed({
      url,
      open,
      clock,
      logger,
      deadAfterMs: DEAD_AFTER_MS,
      maxInvalidPerMinute: MAX_INVALID_PER_MINUTE,
      listener: {
        onOpen: () => {
          listener.onOpen();
          this.#sendNext();
        },
        onText: (text) => this.#onText(text),
        onActivity: () => {
          listener.onActivity();
        },
        onInvalid: () => {
          listener.onInvalid();
        },
        onEnd: () => {
          this.#forgetRequests();
        },
      },
    });
  }

  get isOpen(): boolean {
    return this.#feed.isOpen;
  }

  /** Every wanted stream has been acknowledged or refused. */
  get isSettled(): boolean {
    if (!this.#feed.isOpen) return false;
    for (const name of this.#wanted) {
      if (!this.#acknowledged.has(name) && !this.#refused.has(name)) return false;
    }
    return true;
  }

  get ended(): Promise<SocketEnd> {
    return this.#feed.ended;
  }

  get gone(): Promise<void> {
    return this.#feed.gone;
  }

  isSubscribed(name: string): boolean {
    return this.#acknowledged.has(name);
  }

  isRefused(name: string): boolean {
    return this.#refused.has(name);
  }

  /** Replaces the wanted set. It is sent once the connection is open. */
  want(names: ReadonlySet<string>): void {
    this.#wanted = names;
    this.#sendNext();
  }

  /** Unsubscribes a stream and subscribes it again. Does nothing if it was not asked for. */
  resubscribe(name: string): void {
    if (!this.#asked.has(name)) return;
    this.#renewed.add(name);
    this.#sendNext();
  }

  end(reason: string): void {
    this.#feed.end(reason);
  }

  #onText(text: string): boolean {
    const frame = parseFrame(text);
    if (frame === undefined) return false;
    switch (frame.kind) {
      case 'data':
        return this.#options.listener.onData(frame.stream, frame.data);
      case 'shutdown':
        this.#options.listener.onShutdown();
        return true;
      case 'reply':
        return this.#onReply(frame.id, frame.errorCode);
      default:
        return assertNever(frame);
    }
  }

  /** Sends the frames that the wanted set still needs, as fast as the venue's limit allows. It continues by itself. */
  #sendNext(): void {
    if (!this.#feed.isOpen || this.#nextFrame !== null) return;
    for (let next = this.#nextRequest(); next !== null; next = this.#nextRequest()) {
      if (!this.#frames.tryTake()) {
        this.#nextFrame = this.#options.clock.after(this.#frames.delayMs, () => {
          this.#nextFrame = null;
          this.#sendNext();
        });
        return;
      }
      this.#send(next.method, next.names);
    }
  }

  #nextRequest(): { readonly method: ControlMethod; readonly names: readonly string[] } | null {
    // Unsubscribing comes first, so that a change never exceeds the venue's bound of streams on a connection.
    const [unwanted] = toBatches(
      this.#asked.values().filter((name) => !this.#wanted.has(name) || this.#renewed.has(name)),
    );
    if (unwanted !== undefined) return { method: 'UNSUBSCRIBE', names: unwanted };
    const suspects = this.#suspects.map((names) => this.#missing(names)).find((names) => names.length > 0);
    const names = suspects ?? toBatches(this.#missing(this.#wanted))[0];
    return names === undefined ? null : { method: 'SUBSCRIBE', names };
  }

  #missing(names: Iterable<string>): string[] {
    return [...names].filter((name) => this.#wanted.has(name) && !this.#asked.has(name) && !this.#refused.has(name));
  }

  #send(method: ControlMethod, names: readonly string[]): void {
    this.#lastId += 1;
    const deadline = this.#options.clock.after(REPLY_TIMEOUT_MS, () => {
      this.end('The venue did not answer a request.');
    });
    this.#requests.set(this.#lastId, { method, names, deadline });
    for (const name of names) {
      if (method === 'SUBSCRIBE') this.#asked.add(name);
      else this.#forget(name);
    }
    this.#feed.send(toControlFrame(method, names, this.#lastId));
  }

  #onReply(id: number | null, errorCode: number | null): boolean {
    const request = id === null ? undefined : this.#requests.get(id);
    if (id === null || request === undefined) {
      // The error does not say which request it answers, so each of them may have failed.
      if (errorCode !== null && this.#requests.size > 0) this.end('The venue refused a request.');
      return errorCode === null;
    }
    this.#requests.delete(id);
    request.deadline[Symbol.dispose]();
    if (request.method === 'SUBSCRIBE') this.#onAnswer(request.names, errorCode);
    return true;
  }

  #onAnswer(names: readonly string[], errorCode: number | null): void {
    if (errorCode === null) {
      const subscribed = names.filter((name) => this.#asked.has(name));
      for (const name of subscribed) this.#acknowledged.add(name);
      this.#options.listener.onSubscribed(subscribed);
      return;
    }
    if (errorCode !== INVALID_REQUEST) {
      this.end('The venue refused a request.');
      return;
    }
    for (const name of names) this.#forget(name);
    const [only] = names;
    if (names.length === 1 && only !== undefined) {
      this.#refused.add(only);
      this.#options.listener.onRefused(only);
    } else {
      const half = names.length >> 1;
      const open = this.#suspects.filter((suspects) => this.#missing(suspects).length > 0);
      this.#suspects = [names.slice(0, half), names.slice(half), ...open];
    }
    this.#sendNext();
  }

  #forget(name: string): void {
    this.#renewed.delete(name);
    this.#asked.delete(name);
    this.#acknowledged.delete(name);
  }

  #forgetRequests(): void {
    this.#nextFrame?.[Symbol.dispose]();
    this.#nextFrame = null;
    for (const { deadline } of this.#requests.values()) deadline[Symbol.dispose]();
    this.#requests.clear();
    this.#suspects = [];
  }
}

type ControlMethod = 'SUBSCRIBE' | 'UNSUBSCRIBE';

/** The venue ignores a frame over some 4096 bytes: no answer, and no data of its streams. */
const MAX_FRAME_BYTES = 3_500;
const MAX_NAMES = 100;
/** Room for all but the names: the longest method, the longest id, and the punctuation. */
const ENVELOPE_BYTES = 64;

/**
 * Cuts names into lists that each fit one frame, in their order. Throws a RangeError for a name longer than a frame.
 */
export function toBatches(names: Iterable<string>): string[][] {
  const batches: string[][] = [];
  let batch: string[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const name of names) {
    const cost = Buffer.byteLength(JSON.stringify(name)) + 1;
    if (ENVELOPE_BYTES + cost > MAX_FRAME_BYTES) throw new RangeError('a stream name is longer than a control frame');
    if (batch.length === MAX_NAMES || bytes + cost > MAX_FRAME_BYTES) {
      batches.push(batch);
      batch = [];
      bytes = ENVELOPE_BYTES;
    }
    batch.push(name);
    bytes += cost;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** The text of a control frame. `id` must be a positive integer: servers refuse or ignore any other. */
export function toControlFrame(method: ControlMethod, names: readonly string[], id: number): string {
  return JSON.stringify({ method, params: names, id });
}

import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../../src/shared/clock.ts';
import type { ControlTarget } from './controlFrames.ts';
import { Timers } from '../timing.ts';
import { Writes } from '../Writes.ts';
import type { Now } from '../timing.ts';
import type { TimeUnit } from './time.ts';

export interface SocketTimings {
  readonly pingPeriodMs: number;
  readonly pongDeadlineMs: number;
  /** The limit of client frames of any kind in a rolling second; one more ends the connection. */
  readonly framesPerSecond: number;
  /** The longest life of the connection; null for no limit. */
  readonly lifetimeMs: number | null;
}

export interface StandInSocketOptions {
  readonly id: number;
  readonly webSocket: WebSocket;
  readonly tcp: Duplex;
  readonly streams: readonly string[];
  readonly combined: boolean;
  readonly unit: TimeUnit;
  readonly timings: SocketTimings;
  readonly clock: Clock;
  readonly now: Now;
  /** True while no byte goes to the client, and its messages are not answered. */
  readonly silent: () => boolean;
  readonly onText: (text: string) => void;
  readonly onClose: () => void;
}

/**
 * One client's connection, with the venue's rules for it: pings and their deadline, the client's frame rate, a
 * lifetime.
 */
export class StandInSocket implements ControlTarget {
  readonly id: number;
  readonly unit: TimeUnit;
  readonly streams: Set<string>;
  combined: boolean;
  /** The number of text, ping and pong frames of the client so far. */
  framesReceived = 0;
  /** Makes this socket alone silent; new ones are not affected. */
  silenced = false;
  /** No market data goes to this socket; pings and answers do. */
  muted = false;
  /** Market data goes to this socket that much later. */
  delayMs = 0;
  readonly #options: StandInSocketOptions;
  readonly #timers: Timers;
  readonly #frameTimes: number[] = [];
  readonly #unanswered = new Set<string>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #writes = new Writes();

  constructor(options: StandInSocketOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.id = options.id;
    this.unit = options.unit;
    this.streams = new Set(options.streams);
    this.combined = options.combined;
    const { webSocket, timings } = options;
    webSocket.on('message', (data, isBinary) => {
      this.#onMessage(data, isBinary);
    });
    webSocket.on('ping', (data) => {
      if (this.#countFrame() && !this.#silent) webSocket.pong(data);
    });
    webSocket.on('pong', (data) => {
      // A pong that answers none of our pings counts as a frame of the client and proves nothing.
      if (this.#countFrame()) this.#unanswered.delete(data.toString());
    });
    webSocket.on('error', () => {
      webSocket.terminate();
    });
    webSocket.on('close', () => {
      this.#timers[Symbol.dispose]();
      this.#writes.end();
      options.onClose();
      this.#closing.resolve();
    });
    this.#timers.every(timings.pingPeriodMs, () => {
      this.#ping();
    });
    if (timings.lifetimeMs !== null) {
      this.#timers.after(timings.lifetimeMs, () => {
        webSocket.terminate();
      });
    }
  }

  get open(): boolean {
    return this.#options.webSocket.readyState === 1;
  }

  /** Resolves once the connection has ended. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** Sends the text unchanged as a complete frame, however the client may read it. */
  send(text: string): void {
    this.#write(text);
  }

  sendBinary(bytes: Buffer): void {
    this.#write(bytes);
  }

  /** Writes these bytes in place of a frame, whatever they are. */
  writeBytes(bytes: Buffer): void {
    this.#options.tcp.write(bytes);
  }

  /** Sends a market message, wrapped as the connection has it. The payload's text is not changed. */
  deliver(stream: string, payload: string): void {
    if (this.muted) return;
    if (this.delayMs > 0) this.#timers.after(this.delayMs, () => this.#deliver(stream, payload));
    else this.#deliver(stream, payload);
  }

  #deliver(stream: string, payload: string): void {
    this.send(this.combined ? `{"stream":${JSON.stringify(stream)},"data":${payload}}` : payload);
  }

  /** Resolves when the operating system has accepted everything that was sent before, or the socket has closed. */
  flushed(): Promise<void> {
    return this.#writes.done();
  }

  /**
   * Ends the socket with a close frame if a code is given; otherwise the connection just ends, which clients see as
   * 1006.
   */
  hangUp(code?: number, reason?: string): void {
    if (code === undefined) this.#options.webSocket.terminate();
    else this.#options.webSocket.close(code, reason);
  }

  /** Writes a header that promises 1000 bytes, then some of them, then a TCP reset. */
  resetInMidFrame(): void {
    const { tcp } = this.#options;
    const half = Buffer.from(`{"stream":"${[...this.streams][0] ?? ''}","data":{"e":"trade","p":"1`);
    tcp.write(Buffer.concat([Buffer.from([0x81, 126, 1000 >> 8, 1000 & 0xff]), half]), () => {
      if (tcp instanceof Socket) tcp.resetAndDestroy();
      else tcp.destroy();
    });
  }

  get #silent(): boolean {
    return this.silenced || this.#options.silent();
  }

  #write(data: string | Buffer): void {
    if (!this.open || this.#silent) return;
    this.#options.webSocket.send(data, this.#writes.begin());
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (!this.#countFrame()) return;
    if (isBinary) return this.hangUp(1008, 'Invalid request');
    if (!this.#silent) this.#options.onText(textOf(data));
  }

  /** Returns false if this frame was one too many. */
  #countFrame(): boolean {
    const now = this.#options.clock.monotonic();
    this.framesReceived += 1;
    this.#frameTimes.push(now);
    while (this.#frameTimes[0] !== undefined && this.#frameTimes[0] <= now - 1000) this.#frameTimes.shift();
    if (this.#frameTimes.length <= this.#options.timings.framesPerSecond) return true;
    if (!this.#silent) this.hangUp(1008, 'Too many requests');
    return false;
  }

  #ping(): void {
    if (this.#silent || !this.open) return;
    const payload = String(Math.floor(this.#options.now()));
    this.#unanswered.add(payload);
    this.#options.webSocket.ping(payload);
    this.#timers.after(this.#options.timings.pongDeadlineMs, () => {
      if (this.#unanswered.has(payload) && !this.#silent) this.hangUp(1008, 'Pong timeout');
    });
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString();
}

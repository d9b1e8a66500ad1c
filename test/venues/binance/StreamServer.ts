import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { assertNever } from '../../../src/shared/errors.ts';
import type { Clock } from '../../../src/shared/clock.ts';
import { answerControlFrame } from './controlFrames.ts';
import type { ControlOutcome } from './controlFrames.ts';
import type { Faults } from './Faults.ts';
import { parseHandshake } from './handshake.ts';
import type { Handshake } from './handshake.ts';
import type { SocketHub } from './SocketHub.ts';
import { StandInSocket } from './StandInSocket.ts';
import type { SocketTimings } from './StandInSocket.ts';
import { parseStream } from './streamNames.ts';
import type { Stream } from './streamNames.ts';
import type { Now, Timers } from '../timing.ts';

export interface ControlFrame {
  /** The `id` of the socket. */
  readonly socket: number;
  /** Wall time in milliseconds, with a fraction. */
  readonly atMs: number;
  readonly bytes: number;
  /** The parsed message if it is JSON, otherwise the text. */
  readonly message: unknown;
}

export interface StreamServerOptions {
  readonly hub: SocketHub;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly timings: SocketTimings;
  readonly maxStreams: number;
  readonly compression: boolean;
  readonly now: Now;
  /** Makes one message of a stream, if the venue serves it. */
  readonly emit: (stream: Stream) => void;
}

/** The WebSocket half: handshakes, and the effects of control frames. */
export class StreamServer {
  readonly controlFrames: ControlFrame[] = [];
  handshakes = 0;
  readonly #options: StreamServerOptions;
  readonly #server: WebSocketServer;
  #nextSocketId = 1;

  constructor(options: StreamServerOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, autoPong: false, perMessageDeflate: options.compression });
  }

  upgrade(request: IncomingMessage, tcp: Duplex, head: Buffer): void {
    this.handshakes += 1;
    const { faults, maxStreams, timers } = this.#options;
    const handshake = parseHandshake(request.url ?? '', maxStreams);
    const answer = (): void => {
      if (faults.handshakeStatus !== null) refuse(tcp, faults.handshakeStatus);
      else if ('status' in handshake) refuse(tcp, handshake.status);
      else {
        this.#server.handleUpgrade(request, tcp, head, (webSocket) => {
          this.#open(webSocket, tcp, handshake);
        });
      }
    };
    if (faults.handshakeDelayMs > 0) timers.after(faults.handshakeDelayMs, answer);
    else answer();
  }

  /** Ends every connection; resolves when they have ended. */
  async close(): Promise<void> {
    const { sockets } = this.#options.hub;
    for (const socket of sockets) socket.hangUp();
    await Promise.all(sockets.map((socket) => socket.closed));
    this.#server.close();
  }

  #open(webSocket: WebSocket, tcp: Duplex, handshake: Handshake): void {
    const { hub, faults, timings, clock, now } = this.#options;
    const socket: StandInSocket = new StandInSocket({
      ...handshake,
      id: this.#nextSocketId,
      webSocket,
      tcp,
      timings: { ...timings, lifetimeMs: faults.lifetimeMs },
      clock,
      now,
      silent: () => faults.silence,
      onText: (text) => {
        this.#onText(socket, text);
      },
      onClose: () => {
        hub.remove(socket);
      },
    });
    this.#nextSocketId += 1;
    hub.add(socket);
  }

  #onText(socket: StandInSocket, text: string): void {
    const atMs = performance.timeOrigin + this.#options.clock.monotonic();
    this.controlFrames.push({ socket: socket.id, atMs, bytes: Buffer.byteLength(text), message: parsed(text) });
    const { maxStreams, faults } = this.#options;
    this.#carryOut(socket, answerControlFrame(text, socket, { maxStreams, stringIds: faults.stringIds }));
  }

  #carryOut(socket: StandInSocket, outcome: ControlOutcome): void {
    const { hub, faults } = this.#options;
    switch (outcome.kind) {
      case 'silent':
        return;
      case 'reply':
        socket.send(outcome.reply);
        return;
      case 'subscribe':
        if (faults.ignoreSubscribe) return;
        hub.subscribe(socket, outcome.streams);
        if (faults.dataBeforeAck) this.#emit(outcome.streams);
        socket.send(outcome.reply);
        return;
      case 'unsubscribe':
        if (faults.ignoreSubscribe) return;
        socket.send(outcome.reply);
        if (faults.dataAfterUnsubscribe) this.#emit(outcome.streams);
        hub.unsubscribe(socket, outcome.streams);
        return;
      default:
        assertNever(outcome);
    }
  }

  #emit(streams: readonly string[]): void {
    for (const stream of streams.map(parseStream)) if (stream !== null) this.#options.emit(stream);
  }
}

function refuse(tcp: Duplex, status: number): void {
  tcp.end(`HTTP/1.1 ${status} Refused\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

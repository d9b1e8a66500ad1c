import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../../../src/shared/clock.ts';
import type { Timers } from '../timing.ts';
import type { Faults } from './Faults.ts';
import type { Reply, ReplyFaults } from './ReplyFaults.ts';

/** One request as it arrived. `status` is 0 until it was answered. */
export interface RecordedRequest {
  readonly host: 'rest' | 'stream';
  readonly method: string;
  /** The URL as it was sent, with its query. */
  readonly url: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Wall time in milliseconds, with a fraction. */
  readonly atMs: number;
  readonly status: number;
}

export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface HttpHostOptions {
  readonly host: RecordedRequest['host'];
  readonly requests: RecordedRequest[];
  readonly faults: Faults;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The switches that apply to requests for this path. */
  readonly repliesOf: (path: string) => ReplyFaults;
  /** Returns null if the answer has begun and is not finished. */
  readonly answer: (call: Call) => Reply | null;
  /** The value of the header RequestID. */
  readonly requestId: () => string;
}

/** One of the venue's two hosts: takes requests, follows the switches, and requests the answer. */
export class HttpHost {
  /** The number of TCP connections that arrived. */
  connections = 0;
  readonly #options: HttpHostOptions;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(options: HttpHostOptions) {
    this.#options = options;
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.#onConnection(socket);
    });
    this.#server.on('request', (request, response) => {
      this.#onRequest(request, response);
    });
  }

  /** The number of TCP connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size;
  }

  get port(): number {
    return this.#port;
  }

  async listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, '127.0.0.1', resolve);
    await promise;
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  /** Closes connections without an open request. */
  closeIdleConnections(): void {
    this.#server.closeIdleConnections();
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => {
      resolve();
    });
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  #onConnection(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
    });
    socket.on('error', () => {
      socket.destroy();
    });
    if (this.#options.faults.refuseConnections) socket.resetAndDestroy();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { clock, requests, host, faults, repliesOf, timers } = this.#options;
    const url = request.url ?? '';
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark));
    const record = {
      host,
      method: request.method ?? '',
      url,
      path,
      query,
      headers: request.headers,
      atMs: performance.timeOrigin + clock.monotonic(),
      get status(): number {
        return response.headersSent ? response.statusCode : 0;
      },
    };
    requests.push(record);
    const replies = repliesOf(path);
    if (faults.refuseConnections) request.socket.resetAndDestroy();
    else if (replies.hold) return;
    else if (replies.delayMs > 0)
      timers.after(replies.delayMs, () => {
        this.#answer({ request, response, path, query });
      });
    else this.#answer({ request, response, path, query });
  }

  #answer(call: Call): void {
    const { repliesOf, faults, answer, requestId } = this.#options;
    const { request, response, path } = call;
    if (response.destroyed) return;
    response.setHeader('RequestID', requestId());
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', 'ETag, RequestID');
    const reply = faults.standingReply() ?? repliesOf(path).take(path) ?? answer(call);
    if (reply === 'reset') request.socket.resetAndDestroy();
    else if (reply !== null) send(call, reply);
  }
}

function send({ request, response }: Call, reply: Reply): void {
  const isPacked = reply.body !== '' && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const body = isPacked ? gzipSync(reply.body) : Buffer.from(reply.body);
  response.writeHead(reply.status, {
    'content-type': reply.contentType ?? 'application/json',
    'content-length': body.length,
    ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    ...(typeof reply.retryAfterSeconds === 'number' ? { 'retry-after': String(reply.retryAfterSeconds) } : {}),
  });
  if (typeof reply.cutAfterBytes !== 'number') {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, reply.cutAfterBytes), () => request.socket.destroy());
}

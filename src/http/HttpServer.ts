import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { shuttingDown } from '../shared/AdmissionControl.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { systemRandom } from '../shared/random.ts';
import type { Random } from '../shared/random.ts';
import { spreadOver } from '../shared/spread.ts';
import type { Spread } from '../shared/spread.ts';
import type { ClientConnections } from './ClientConnections.ts';
import { answerCrossOrigin, isAllowedOrigin } from './origin.ts';
import {
  BAD_HOST,
  withConnectionClose,
  FOREIGN_ORIGIN,
  MAX_HEADER_BYTES,
  NOT_FOUND,
  toErrorResponse,
  sendErrorAndClose,
  sendError,
  badRequestResponse,
  UPGRADE_REQUIRED,
} from './respond.ts';
import type { ErrorResponse, RequestHandler } from './respond.ts';

/** A protocol that takes over upgraded sockets. */
export interface UpgradeHandler {
  /** Takes over the socket. If it rejects, the socket is answered with the error and closed. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void | Promise<void>;
  /** Closes all client connections (code 1001), spread as asked, and resolves when they are closed. */
  close(spread: Spread): Promise<void>;
}

/** The address to listen on, and what serves each path. */
export interface HttpServerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Request handlers by path. They get requests with a valid Host header, and `url` in origin form (`/path?query`). */
  readonly requestHandlers: ReadonlyMap<string, RequestHandler>;
  /** Upgrade handlers by path. They get WebSocket upgrades from allowed origins, within the limits. */
  readonly upgradeHandlers: ReadonlyMap<string, UpgradeHandler>;
  /** Read at each use, because they may change. */
  readonly allowedOrigins: readonly string[];
  readonly connections: ClientConnections;
  /** Paths that are served even over refused connections: those that report the gateway's own state. */
  readonly alwaysServed?: ReadonlySet<string>;
  /** Paths whose answers pages of the allowed origins may read. */
  readonly crossOriginPaths?: ReadonlySet<string>;
  /** A client that reads nothing of what was sent for this long is disconnected. */
  readonly unreadTimeoutMs: number;
  /** How long a shutdown may take. */
  readonly shutdownTimeoutMs: number;
  /** How long a connection stays open between two requests. A proxy in front should close it first (docs/operating.md). */
  readonly keepAliveTimeoutMs: number;
  readonly clock: Clock;
  /** @default the system's */
  readonly random?: Random;
  readonly logger: Logger;
}

/** So many clients may come back to the other gateways at once; more are closed one after the other. */
const CLIENTS_AT_ONCE = 100;
const MS_PER_CLIENT = 4;
/** Closing the clients takes at most this part of the shutdown; the last one needs some time to answer. */
const SPREAD_PART = 1 / 2;
/** Connections that are still open after this part of it are cut off. */
const CUT_OFF_PART = 9 / 10;

const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
};

/**
 * The server for all clients. It routes requests and upgrades by path, and rejects upgrades from foreign pages or beyond the
 * limits before the handshake. It owns its sockets, and closes the protocols in `upgradeHandlers` with itself.
 */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #upgraded = new Set<Duplex>();
  /** Connections without any request so far. Browsers open some in advance. */
  readonly #unused = new Set<Socket>();
  #draining = false;
  #closing: Promise<void> | null = null;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer({
      ...TIMEOUTS,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Offers to upgrade to anything else (h2c) are ignored, and the request is served.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    // Node calls this for a connection on which nothing has moved for as long as it may wait, but for none that was upgraded,
    // and leaves it to us to end it. A request may take long to answer.
    this.#server.setTimeout(options.unreadTimeoutMs, (socket) => {
      if (socket.writableLength > 0 || !options.connections.isAnswering(socket)) socket.destroy();
    });
    this.#server.on('connection', (socket) => {
      options.connections.accept(socket);
      this.#unused.add(socket);
      socket.once('close', () => this.#unused.delete(socket));
    });
    this.#server.on('request', (request, response) => {
      this.#unused.delete(request.socket);
      void this.#serve(request, response);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.#unused.delete(request.socket);
      this.#upgrade(request, socket, head);
    });
    this.#server.on('clientError', (error: Error & { readonly code?: string }, socket) => {
      sendErrorAndClose(socket, badRequestResponse(error.code));
    });
  }

  /** True once `drain` or `close` was called. */
  get draining(): boolean {
    return this.#draining;
  }

  /** How many sockets are open that a protocol has taken over. */
  get upgradedConnections(): number {
    return this.#upgraded.size;
  }

  /** `http://host:port`, available between `listen` and `close`. */
  get url(): string {
    const { address, family, port } = this.#address();
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Resolves once connections are accepted. Rejects if the address is not available. */
  async listen(): Promise<void> {
    const { host, port, logger } = this.#options;
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen({ host, port }, listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    // Accepting may fail later on for lack of file descriptors. That is temporary.
    this.#server.on('error', (error) => {
      logger.error({ err: error }, 'a connection could not be accepted');
    });
  }

  /** Refuses everything from now on but what reports the gateway's own state. */
  drain(): void {
    this.#draining = true;
  }

  /**
   * Drains, lets running requests finish and the protocols close their connections. If there are many, that takes some time, so
   * that they do not all come to other gateways at once; until then the server is there and says that it is not ready. Whatever
   * is still open shortly before its time is over is cut off. Repeated calls return the same promise.
   */
  close(withinMs = this.#options.shutdownTimeoutMs): Promise<void> {
    this.#closing ??= this.#close(withinMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(withinMs: number): Promise<void> {
    this.drain();
    const { clock, connections, random = systemRandom, upgradeHandlers } = this.#options;
    using deadline = new DisposableStack();
    deadline.use(
      clock.after(withinMs * CUT_OFF_PART, () => {
        this.#server.closeAllConnections();
        for (const socket of this.#upgraded) socket.destroy();
      }),
    );
    const longMs = Math.max(0, connections.held - CLIENTS_AT_ONCE) * MS_PER_CLIENT;
    const overMs = Math.min(withinMs * SPREAD_PART, longMs);
    const spread = spreadOver({ overMs, clock, random });
    const closed = Promise.all([...new Set(upgradeHandlers.values())].map((handler) => handler.close(spread)));
    if (overMs > 0) await sleep(clock, overMs);
    const stopped = Promise.withResolvers<void>();
    this.#server.close(() => {
      stopped.resolve();
    });
    for (const socket of this.#unused) if (socket.bytesRead === 0) socket.destroy();
    await Promise.all([stopped.promise, closed]);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // An error event without a listener would end the process.
    response.on('error', () => undefined);
    response.once('close', () => {
      if (!this.#server.listening) this.#server.closeIdleConnections();
    });
    const { alwaysServed, connections, requestHandlers, upgradeHandlers } = this.#options;
    const { allowedOrigins, crossOriginPaths } = this.#options;
    const answering = connections.begin(request);
    response.once('close', () => {
      answering[Symbol.dispose]();
    });
    const target = request.url ?? '/';
    const path = pathOf(target);
    const handler = requestHandlers.get(path);
    const isServed = alwaysServed?.has(path) === true;
    const refusal = isServed
      ? null
      : (connections.refusalOf(request.socket) ?? (this.draining ? shuttingDown() : null));
    if (!isHost(request.headers.host)) sendError(response, BAD_HOST);
    else if (crossOriginPaths?.has(path) === true && answerCrossOrigin(request, response, allowedOrigins)) return;
    else if (refusal !== null) sendError(response, withConnectionClose(toErrorResponse(refusal)));
    else if (handler !== undefined) {
      request.url = originForm(target);
      await this.#handle(handler, request, response);
    } else sendError(response, this.#plainAnswer(request, upgradeHandlers.get(path)));
  }

  async #handle(handler: RequestHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await handler(request, response);
    } catch (thrown) {
      const error = this.#toGatewayError(thrown);
      if (response.headersSent) response.destroy();
      else sendError(response, toErrorResponse(error));
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {
      socket.destroy();
    });
    const target = request.url ?? '/';
    const handler = this.#options.upgradeHandlers.get(pathOf(target));
    const refusal = this.#refusalOf(request, handler);
    if (handler === undefined || refusal !== null) {
      sendErrorAndClose(socket, refusal ?? NOT_FOUND);
      return;
    }
    const place = this.#place(request);
    if (place instanceof GatewayError) {
      sendErrorAndClose(socket, toErrorResponse(place));
      return;
    }
    this.#upgraded.add(socket);
    socket.once('close', () => {
      this.#upgraded.delete(socket);
      place[Symbol.dispose]();
    });
    request.url = originForm(target);
    void this.#passOn(handler, { request, socket, head });
  }

  /** Takes a place for a long-lived connection, or returns the reason why there is none. */
  #place(request: IncomingMessage): Disposable | GatewayError {
    const { connections } = this.#options;
    try {
      return connections.refusalOf(request.socket) ?? connections.hold(request);
    } catch (error) {
      return GatewayError.from(error);
    }
  }

  async #passOn(
    handler: UpgradeHandler,
    { request, socket, head }: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  ): Promise<void> {
    try {
      await handler.upgrade(request, socket, head);
    } catch (thrown) {
      sendErrorAndClose(socket, toErrorResponse(this.#toGatewayError(thrown)));
    }
  }

  /**
   * The answer to a plain request for a WebSocket path: what an upgrade would be refused with, because a browser keeps
   * that from its page.
   */
  #plainAnswer(request: IncomingMessage, handler: UpgradeHandler | undefined): ErrorResponse {
    return this.#refusalOf(request, handler) ?? UPGRADE_REQUIRED;
  }

  #refusalOf({ headers }: IncomingMessage, handler: UpgradeHandler | undefined): ErrorResponse | null {
    if (!isHost(headers.host)) return BAD_HOST;
    if (handler === undefined) return NOT_FOUND;
    if (this.draining) return toErrorResponse(shuttingDown());
    const { allowedOrigins } = this.#options;
    const old = headers['sec-websocket-origin'];
    const origin = headers.origin ?? (Array.isArray(old) ? old.join(',') : old);
    return isAllowedOrigin({ origin, host: headers.host, allowedOrigins }) ? null : FOREIGN_ORIGIN;
  }

  /** The error for what a handler threw. It is logged if it is INTERNAL. */
  #toGatewayError(thrown: unknown): GatewayError {
    const error = GatewayError.from(thrown);
    logFault(this.#options.logger, error, 'a request failed');
    return error;
  }

  #address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server does not listen');
    return address;
  }
}

const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{0,5})?$/i;

/**
 * Path and query of a request target in any form: `/ws?a=1`, `http://host:1/ws?a=1`, `*`. A fragment is cut off. Nothing is
 * decoded or rejected: a malformed target matches no route.
 */
export function originForm(target: string): string {
  const [withoutFragment = ''] = target.split('#', 1);
  const rest = withoutFragment.replace(ABSOLUTE_FORM, '');
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
}

/** The path of a request target, by which handlers are found. */
export function pathOf(target: string): string {
  const [path = '/'] = originForm(target).split('?', 1);
  return path;
}

/** True for a valid Host header. It may be absent or empty (HTTP/1.0, targets without an authority). */
export function isHost(host: string | undefined): boolean {
  return host === undefined || host === '' || (HOST.test(host) && URL.canParse(`http://${host}`));
}

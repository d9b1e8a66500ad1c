import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import type { ClientConnections } from './ClientConnections.ts';
import { isAllowedOrigin } from './origin.ts';
import {
  BAD_HOST,
  closing,
  DRAINING,
  FOREIGN_ORIGIN,
  MAX_HEADER_BYTES,
  NOT_FOUND,
  refusalOf,
  refuseSocket,
  sendRefusal,
  unreadable,
  UPGRADE_REQUIRED,
} from './respond.ts';
import type { Refusal, RequestHandler } from './respond.ts';

/** A protocol that takes sockets over. On `close` it tells its clients to go (1001), and resolves when they are gone. */
export interface UpgradeHandler {
  /** Rejects where the client is not to be let in: it is told why, on the socket that nobody has taken over then. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void | Promise<void>;
  close(): Promise<void>;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** By path. They get requests whose `url` is in origin form (`/path?query`) and whose Host names a host. */
  readonly requestHandlers: ReadonlyMap<string, RequestHandler>;
  /** By path. They get upgrades to `websocket` from pages that may, within the limits. */
  readonly upgradeHandlers: ReadonlyMap<string, UpgradeHandler>;
  readonly allowedOrigins: readonly string[];
  readonly connections: ClientConnections;
  /** Paths whose handlers tell how the gateway does: they answer over connections that are refused, too. */
  readonly alwaysServed?: ReadonlySet<string>;
  /** A client that takes nothing of what it is sent for so long is cut off. */
  readonly unreadTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 10_000,
};

/**
 * The one door for every client: routes requests and upgrades by path, and keeps out upgrades from foreign pages and over
 * the limits before the handshake. Owns its sockets; the protocols behind `upgradeHandlers` are closed with it.
 */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #upgraded = new Set<Duplex>();
  /** Connections that no request has come over yet: browsers open some beforehand. */
  readonly #unused = new Set<Socket>();
  #closing: Promise<void> | null = null;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer({
      ...TIMEOUTS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Whatever else somebody offers to upgrade to (h2c), the request itself is served.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    // A request that is being answered may take its time; what was written and is not read may not.
    this.#server.setTimeout(options.unreadTimeoutMs, (socket) => {
      if (socket.writableLength > 0) socket.destroy();
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
      refuseSocket(socket, unreadable(error.code));
    });
  }

  /** True from the first call of `close`. */
  get draining(): boolean {
    return this.#closing !== null;
  }

  /** Sockets that a protocol has taken over and that are open now. */
  get upgradedConnections(): number {
    return this.#upgraded.size;
  }

  /** Where it listens: `http://host:port`. Only between `listen` and `close`. */
  get url(): string {
    const { address, family, port } = this.#address();
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Resolves once connections are accepted; rejects where the address can't be had. */
  async listen(): Promise<void> {
    const { host, port, logger } = this.#options;
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen({ host, port }, listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    // Accepting may fail later on, for want of file descriptors: that passes.
    this.#server.on('error', (error) => {
      logger.error({ err: error }, 'a connection could not be accepted');
    });
  }

  /**
   * Accepts no more, lets what is under way finish and the protocols tell their clients to go; what is left after
   * `shutdownTimeoutMs` is cut off. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { clock, shutdownTimeoutMs, upgradeHandlers } = this.#options;
    const stopped = Promise.withResolvers<void>();
    this.#server.close(() => {
      stopped.resolve();
    });
    for (const socket of this.#unused) if (socket.bytesRead === 0) socket.destroy();
    using deadline = new DisposableStack();
    deadline.use(
      clock.after(shutdownTimeoutMs, () => {
        this.#server.closeAllConnections();
        for (const socket of this.#upgraded) socket.destroy();
      }),
    );
    await Promise.all([stopped.promise, ...[...new Set(upgradeHandlers.values())].map((handler) => handler.close())]);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nothing that a client does to its connection may end the process.
    response.on('error', () => undefined);
    response.once('close', () => {
      if (this.draining) this.#server.closeIdleConnections();
    });
    const { alwaysServed, connections, requestHandlers, upgradeHandlers } = this.#options;
    const answering = connections.begin(request);
    response.once('close', () => {
      answering[Symbol.dispose]();
    });
    const target = request.url ?? '/';
    const path = pathOf(target);
    const handler = requestHandlers.get(path);
    const refusal = alwaysServed?.has(path) === true ? null : connections.refusalOf(request.socket);
    if (!isHost(request.headers.host)) sendRefusal(response, BAD_HOST);
    else if (refusal !== null) sendRefusal(response, closing(refusalOf(refusal)));
    else if (handler !== undefined) {
      request.url = originForm(target);
      await this.#handle(handler, request, response);
    } else sendRefusal(response, upgradeHandlers.has(path) ? UPGRADE_REQUIRED : NOT_FOUND);
  }

  async #handle(handler: RequestHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await handler(request, response);
    } catch (thrown) {
      const error = this.#faultOf(thrown);
      if (response.headersSent) response.destroy();
      else sendRefusal(response, refusalOf(error));
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
      refuseSocket(socket, refusal ?? NOT_FOUND);
      return;
    }
    const place = this.#place(request);
    if (place instanceof GatewayError) {
      refuseSocket(socket, refusalOf(place));
      return;
    }
    this.#upgraded.add(socket);
    socket.once('close', () => {
      this.#upgraded.delete(socket);
      place[Symbol.dispose]();
    });
    request.url = originForm(target);
    void this.#handOver(handler, { request, socket, head });
  }

  /** For a connection that lasts; or why there is none. */
  #place(request: IncomingMessage): Disposable | GatewayError {
    const { connections } = this.#options;
    try {
      return connections.refusalOf(request.socket) ?? connections.hold(request);
    } catch (error) {
      return GatewayError.from(error);
    }
  }

  async #handOver(
    handler: UpgradeHandler,
    { request, socket, head }: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  ): Promise<void> {
    try {
      await handler.upgrade(request, socket, head);
    } catch (thrown) {
      refuseSocket(socket, refusalOf(this.#faultOf(thrown)));
    }
  }

  #refusalOf({ headers }: IncomingMessage, handler: UpgradeHandler | undefined): Refusal | null {
    if (!isHost(headers.host)) return BAD_HOST;
    if (handler === undefined) return NOT_FOUND;
    if (this.draining) return DRAINING;
    const { allowedOrigins } = this.#options;
    const old = headers['sec-websocket-origin'];
    const origin = headers.origin ?? (Array.isArray(old) ? old.join(',') : old);
    return isAllowedOrigin({ origin, host: headers.host, allowedOrigins }) ? null : FOREIGN_ORIGIN;
  }

  /** What a handler threw, logged where it is a fault of ours. */
  #faultOf(thrown: unknown): GatewayError {
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
 * Path and query of a request target, whatever its form: `/ws?a=1`, `http://host:1/ws?a=1`, `*`. A fragment is cut off.
 * Nothing is decoded and nothing can be malformed: what is odd stays odd, and matches no route.
 */
export function originForm(target: string): string {
  const [withoutFragment = ''] = target.split('#', 1);
  const rest = withoutFragment.replace(ABSOLUTE_FORM, '');
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
}

/** The path of a request target, to be looked up among the routes. */
export function pathOf(target: string): string {
  const [path = '/'] = originForm(target).split('?', 1);
  return path;
}

/** True of a Host header that names a host; an absent or empty one is allowed (HTTP/1.0, and targets without authority). */
export function isHost(host: string | undefined): boolean {
  return host === undefined || host === '' || (HOST.test(host) && URL.canParse(`http://${host}`));
}

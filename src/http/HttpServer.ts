import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Limits } from '../core/Limits.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logFault.ts';
import type { Logger } from '../shared/logger.ts';
import { countedAddress } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';
import { ConnectionLimiter } from './ConnectionLimiter.ts';
import { isAllowedOrigin } from './origin.ts';
import { isHost, originForm, pathOf } from './requestTarget.ts';
import { refusalOf, refuseSocket, sendRefusal } from './respond.ts';
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
  readonly proxies: TrustedProxies;
  /** Read at each upgrade: they may change. */
  readonly limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>;
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
/** What an Accept header has that allows for one. */
const EVENT_STREAM = /text\/(?:event-stream|\*)|\*\/\*/i;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * The one door for every client: routes requests and upgrades by path, and keeps out upgrades from foreign pages and over
 * the limits before the handshake. Owns its sockets; the protocols behind `upgradeHandlers` are closed with it.
 */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #limiter: ConnectionLimiter;
  readonly #upgraded = new Set<Duplex>();
  /** Connections that no request has come over yet: browsers open some beforehand. */
  readonly #unused = new Set<Socket>();
  #closing: Promise<void> | null = null;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limiter = new ConnectionLimiter(options.limits);
    this.#server = createServer({
      ...TIMEOUTS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Whatever else somebody offers to upgrade to (h2c), the request itself is served.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    this.#server.on('connection', (socket) => {
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
    const { requestHandlers, upgradeHandlers } = this.#options;
    const target = request.url ?? '/';
    const path = pathOf(target);
    const handler = requestHandlers.get(path);
    if (!isHost(request.headers.host)) sendRefusal(response, BAD_HOST);
    else if (handler !== undefined) {
      if (upgradeHandlers.has(path) && !this.#admits(request, response)) return;
      request.url = originForm(target);
      await this.#handle(handler, request, response);
    } else sendRefusal(response, upgradeHandlers.has(path) ? UPGRADE_REQUIRED : NOT_FOUND);
  }

  /** What a protocol answers may be a stream of events: it lasts as a WebSocket does, and counts as one. */
  #admits(request: IncomingMessage, response: ServerResponse): boolean {
    if (!EVENT_STREAM.test(request.headers.accept ?? '*/*')) return true;
    const admission = this.#limiter.admit(countedAddress(request, this.#options.proxies));
    if (!admission.admitted) {
      sendRefusal(response, FULL[admission.full]);
      return false;
    }
    response.once('close', () => {
      admission.lease[Symbol.dispose]();
    });
    return true;
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
    const admission = this.#limiter.admit(countedAddress(request, this.#options.proxies));
    if (!admission.admitted) {
      refuseSocket(socket, FULL[admission.full]);
      return;
    }
    this.#upgraded.add(socket);
    socket.once('close', () => {
      this.#upgraded.delete(socket);
      admission.lease[Symbol.dispose]();
    });
    request.url = originForm(target);
    void this.#handOver(handler, { request, socket, head });
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

const NOT_FOUND: Refusal = {
  status: 404,
  code: 'BAD_REQUEST',
  message: 'There is nothing here; see /graphql, /ws, /health, /ready and /metrics.',
};
const UPGRADE_REQUIRED: Refusal = {
  status: 426,
  code: 'BAD_REQUEST',
  message: 'This is spoken over WebSocket only.',
  headers: { upgrade: 'websocket', connection: 'Upgrade' },
};
const BAD_HOST: Refusal = { status: 400, code: 'BAD_REQUEST', message: 'The Host header names no host.' };
const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'Pages of this origin may not connect; an operator lists those that may in server.allowedOrigins.',
};
const DRAINING: Refusal = { status: 503, code: 'INTERNAL', message: 'The gateway is shutting down.' };
const FULL: Record<'gateway' | 'address', Refusal> = {
  gateway: { status: 503, code: 'LIMIT_EXCEEDED', message: 'The gateway has as many connections as it may have.' },
  address: {
    status: 429,
    code: 'LIMIT_EXCEEDED',
    message: 'Your address has as many connections as it may have; close some first.',
  },
};

/** What could not even be read as a request. */
function unreadable(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, code: 'BAD_REQUEST', message: `The headers are longer than ${MAX_HEADER_BYTES} bytes.` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, code: 'BAD_REQUEST', message: 'The request did not arrive in time.' };
  }
  return { status: 400, code: 'BAD_REQUEST', message: 'This is not a request that can be read.' };
}

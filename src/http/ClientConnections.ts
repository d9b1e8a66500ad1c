import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from '../core/client.ts';
import type { Limits } from '../core/client.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { countedAddress, plainAddress } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';

export interface ClientConnectionsOptions {
  /** Read at each use: they may change. */
  readonly limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>;
  readonly proxies: TrustedProxies;
  /** Sockets that the process may have open for clients; null: as many as the limits allow. */
  readonly maxSockets: number | null;
  /** True while memory is short: then nobody new is let in. */
  readonly isShortOfMemory: () => boolean;
  readonly clock: Clock;
}

/** Short requests are served beside the connections that last, so that a client at its limit can still ask. */
const BESIDE_THE_LIMIT = 16;
/** No address has all the sockets of the process, however few there are. */
const ADDRESS_SHARE = 3 / 4;
/** A connection over which nothing was asked for so long may make room for another. */
const IDLE_MS = 1_000;
/** Connections that are told that they can't be served, at a time; more are closed without a word. */
const MAX_REFUSED = 1_024;
const MAX_REFUSED_WITHOUT_SOCKETS = 16;
/** How long such a connection may take to ask. */
const REFUSED_GRACE_MS = 1_000;
const COME_AGAIN = { httpStatus: 503, retryAfterMs: 5_000 };

/** One TCP connection. */
interface Peer {
  readonly socket: Socket;
  /** Null: a trusted proxy, which speaks for many. */
  readonly address: string | null;
  /** Requests that are being answered. */
  requests: number;
  /** Monotonic: when it was accepted, or its last request ended. */
  idleSinceMs: number;
  /** It lasts: a WebSocket, or a stream of events. */
  isHeld: boolean;
}

/** What one address has. */
interface Share {
  /** Connections that last, those that come through proxies included. */
  held: number;
  /** Its own TCP connections that don't (yet), the oldest first. */
  readonly brief: Set<Peer>;
}

/**
 * Every connection of clients, all together and for each address: those that last (WebSockets, streams of events) up to the
 * limits, and few others beside them. Where there is no room, a connection that says nothing makes room for the next one, so
 * that idle ones can't keep anybody out. When the process is short of sockets or memory, newcomers are refused first.
 */
export class ClientConnections {
  readonly #options: ClientConnectionsOptions;
  readonly #peers = new Map<Socket, Peer>();
  readonly #shares = new Map<string, Share>();
  readonly #refused = new Map<Socket, GatewayError>();
  #held = 0;

  constructor(options: ClientConnectionsOptions) {
    this.#options = options;
  }

  /** How many connections of the lasting kind are open. */
  get held(): number {
    return this.#held;
  }

  /** A connection was accepted. Without room it is noted as refused, or closed at once. */
  accept(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    const counted = this.#options.proxies.has(address) ? null : networkOf(address);
    const refusal = this.#makeRoom(counted);
    if (refusal !== null) {
      this.#refuse(socket, refusal);
      return;
    }
    const idleSinceMs = this.#options.clock.monotonic();
    const peer: Peer = { socket, address: counted, requests: 0, idleSinceMs, isHeld: false };
    this.#peers.set(socket, peer);
    if (counted !== null) this.#share(counted).brief.add(peer);
    socket.once('close', () => {
      this.#peers.delete(socket);
      this.#shares.get(counted ?? '')?.brief.delete(peer);
      this.#forget(counted ?? '');
    });
  }

  /** Why nothing but the gateway's own state is told over this connection; null where it may be used. */
  refusalOf(socket: Socket): GatewayError | null {
    return this.#refused.get(socket) ?? null;
  }

  /** A request has come over the connection, and is being answered until this is disposed of. */
  begin({ socket }: IncomingMessage): Disposable {
    const peer = this.#peers.get(socket);
    if (peer !== undefined) peer.requests += 1;
    return {
      [Symbol.dispose]: () => {
        if (peer === undefined) return;
        peer.requests -= 1;
        peer.idleSinceMs = this.#options.clock.monotonic();
      },
    };
  }

  /** A place for a connection that lasts, until disposed of. Throws LIMIT_EXCEEDED. */
  hold(request: IncomingMessage): Disposable {
    const { limits, proxies } = this.#options;
    const address = countedAddress(request, proxies);
    const share = this.#share(address);
    if (this.#held >= limits.connections) throw gatewayIsFull();
    if (share.held >= limits.connectionsPerAddress) throw addressIsFull();
    const peer = this.#peers.get(request.socket);
    this.#held += 1;
    share.held += 1;
    if (peer !== undefined) {
      share.brief.delete(peer);
      peer.isHeld = true;
    }
    const place = new DisposableStack();
    place.defer(() => {
      this.#held -= 1;
      share.held -= 1;
      if (peer !== undefined) {
        peer.isHeld = false;
        if (this.#peers.has(peer.socket) && peer.address !== null) this.#share(peer.address).brief.add(peer);
      }
      this.#forget(address);
    });
    return place;
  }

  /** Closes a connection that nothing is asked over where one more would be too many; null where it has room then. */
  #makeRoom(address: string | null): GatewayError | null {
    const { limits, maxSockets, isShortOfMemory } = this.#options;
    if (isShortOfMemory()) return outOf('memory');
    const most = Math.min(maxSockets ?? Infinity, limits.connections + BESIDE_THE_LIMIT);
    if (this.#peers.size + this.#refused.size >= most && !this.#closeIdle(this.#peers.values())) {
      return most === maxSockets ? outOf('sockets') : gatewayIsFull();
    }
    const share = this.#shares.get(address ?? '');
    const mostOfAddress = Math.min(
      limits.connectionsPerAddress + BESIDE_THE_LIMIT,
      Math.ceil(ADDRESS_SHARE * (maxSockets ?? Infinity)),
    );
    const isFull = share !== undefined && share.held + share.brief.size >= mostOfAddress;
    return isFull && !this.#closeIdle(share.brief) ? addressIsFull() : null;
  }

  #closeIdle(peers: Iterable<Peer>): boolean {
    const before = this.#options.clock.monotonic() - IDLE_MS;
    for (const { socket, requests, isHeld, idleSinceMs } of peers) {
      if (isHeld || requests > 0 || idleSinceMs > before) continue;
      this.#peers.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #refuse(socket: Socket, refusal: GatewayError): void {
    const { maxSockets } = this.#options;
    const isWithoutSockets = maxSockets !== null && this.#peers.size + this.#refused.size >= maxSockets;
    if (this.#refused.size >= (isWithoutSockets ? MAX_REFUSED_WITHOUT_SOCKETS : MAX_REFUSED)) {
      socket.destroy();
      return;
    }
    this.#refused.set(socket, refusal);
    const grace = this.#options.clock.after(REFUSED_GRACE_MS, () => {
      socket.destroy();
    });
    socket.once('close', () => {
      grace[Symbol.dispose]();
      this.#refused.delete(socket);
    });
  }

  #share(address: string): Share {
    const share = this.#shares.get(address) ?? { held: 0, brief: new Set() };
    this.#shares.set(address, share);
    return share;
  }

  #forget(address: string): void {
    const share = this.#shares.get(address);
    if (share?.held === 0 && share.brief.size === 0) this.#shares.delete(address);
  }
}

function gatewayIsFull(): GatewayError {
  return new GatewayError('LIMIT_EXCEEDED', 'The gateway has as many connections as it may have.', COME_AGAIN);
}

function addressIsFull(): GatewayError {
  return new GatewayError('LIMIT_EXCEEDED', 'Your address has as many connections as it may have; close some first.');
}

function outOf(what: 'memory' | 'sockets'): GatewayError {
  const message = `The gateway is short of ${what} and takes no new connections; try again later.`;
  return new GatewayError('RATE_LIMITED', message, COME_AGAIN);
}

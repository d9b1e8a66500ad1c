import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from '../core/client.ts';
import type { Limits } from '../core/client.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { addressForLimits, plainAddress } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';

/** The limits and measures that decide whether a connection has room. */
export interface ClientConnectionsOptions {
  /** The limits are read at each use, because they may change. */
  readonly limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>;
  readonly proxies: TrustedProxies;
  /** The most sockets that the process may have open for clients; null if only the limits apply. */
  readonly maxSockets: number | null;
  /** Why no new connection may be let in just now, whatever the limits; null if it may. */
  readonly refusal: () => GatewayError | null;
  readonly clock: Clock;
}

/** Room for short requests beside the long-lived connections, so that a client at its limit can still send queries. */
const EXTRA_FOR_SHORT = 16;
/** The part of the process's sockets that one address can have at most. */
const ADDRESS_SHARE = 3 / 4;
/** A connection without a request for this long may be closed to make room for another. */
const IDLE_MS = 1_000;
/** The most connections that wait for the answer that they can't be served. Further ones are closed without an answer. */
const MAX_REFUSED = 1_024;
const MAX_REFUSED_WITHOUT_SOCKETS = 16;
/** How long such a connection may take to send its request. */
const REFUSED_GRACE_MS = 1_000;
const RETRY_LATER = { httpStatus: 503, retryAfterMs: 5_000 };

/** One TCP connection. */
interface Peer {
  readonly socket: Socket;
  /** Null for a trusted proxy, which forwards for many clients. */
  readonly address: string | null;
  /** How many requests are being answered. */
  requests: number;
  /** When it was accepted or its last request ended, in monotonic milliseconds. */
  idleSinceMs: number;
  /** True for a WebSocket or an event stream. */
  isLongLived: boolean;
}

/** The connections of one address. */
interface Share {
  /** How many long-lived connections there are, including those through proxies. */
  held: number;
  /** The TCP connections from this address that are not long-lived (yet), oldest first. */
  readonly shortLived: Set<Peer>;
}

/**
 * Bounds the connections of clients, in total and for each address: long-lived ones (WebSockets, event streams) by the
 * configured limits, and a few short-lived ones beside them. If there is no room, an idle connection is closed for the new one,
 * so that idle clients can't keep others out. If the process is short of sockets, or the gateway takes on nothing new, new connections are refused.
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

  /** How many long-lived connections are open. */
  get held(): number {
    return this.#held;
  }

  /** How many addresses have connections. */
  get addresses(): number {
    return this.#shares.size;
  }

  /** Registers a new connection. If there is no room, it is marked as refused or closed at once. */
  accept(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    const counted = this.#options.proxies.has(address) ? null : networkOf(address);
    const refusal = this.#makeRoom(counted);
    if (refusal !== null) {
      this.#refuse(socket, refusal);
      return;
    }
    const idleSinceMs = this.#options.clock.monotonic();
    const peer: Peer = { socket, address: counted, requests: 0, idleSinceMs, isLongLived: false };
    this.#peers.set(socket, peer);
    if (counted !== null) this.#share(counted).shortLived.add(peer);
    socket.once('close', () => {
      this.#remove(peer);
    });
  }

  /**
   * The error that every request over a refused connection gets, except those to `alwaysServed` paths; null if it may be used.
   */
  refusalOf(socket: Socket): GatewayError | null {
    return this.#refused.get(socket) ?? null;
  }

  /** Marks the connection as busy with a request until the result is disposed of. */
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

  /** True while a request of the connection is being answered. */
  isAnswering(socket: Socket): boolean {
    return (this.#peers.get(socket)?.requests ?? 0) > 0;
  }

  /** Takes a place for a long-lived connection, which is free again once disposed of. Throws LIMIT_EXCEEDED, RATE_LIMITED. */
  hold(request: IncomingMessage): Disposable {
    const { limits, proxies, refusal } = this.#options;
    const general = refusal();
    if (general !== null) throw general;
    const address = addressForLimits(request, proxies);
    if (this.#held >= limits.connections) throw gatewayFull();
    if ((this.#shares.get(address)?.held ?? 0) >= limits.connectionsPerAddress) throw addressFull();
    const share = this.#share(address);
    const peer = this.#peers.get(request.socket);
    this.#held += 1;
    share.held += 1;
    if (peer !== undefined) {
      share.shortLived.delete(peer);
      peer.isLongLived = true;
    }
    const place = new DisposableStack();
    place.defer(() => {
      this.#held -= 1;
      share.held -= 1;
      if (peer !== undefined) {
        peer.isLongLived = false;
        if (this.#peers.has(peer.socket) && peer.address !== null) this.#share(peer.address).shortLived.add(peer);
      }
      this.#forget(address);
    });
    return place;
  }

  /** Makes room for one more connection by closing an idle one if necessary. Returns the reason if there is no room. */
  #makeRoom(address: string | null): GatewayError | null {
    const { limits, maxSockets, refusal } = this.#options;
    const general = refusal();
    if (general !== null) return general;
    const most = Math.min(maxSockets ?? Infinity, limits.connections + EXTRA_FOR_SHORT);
    if (this.#peers.size + this.#refused.size >= most && !this.#closeIdle(this.#peers.values())) {
      return most === maxSockets ? shortOfSockets() : gatewayFull();
    }
    const share = this.#shares.get(address ?? '');
    const mostOfAddress = Math.min(
      limits.connectionsPerAddress + EXTRA_FOR_SHORT,
      Math.ceil(ADDRESS_SHARE * (maxSockets ?? Infinity)),
    );
    const isFull = share !== undefined && share.held + share.shortLived.size >= mostOfAddress;
    return isFull && !this.#closeIdle(share.shortLived) ? addressFull() : null;
  }

  #closeIdle(peers: Iterable<Peer>): boolean {
    const before = this.#options.clock.monotonic() - IDLE_MS;
    for (const peer of peers) {
      if (peer.isLongLived || peer.requests > 0 || peer.idleSinceMs > before) continue;
      // Its socket reports the end later, and until then would make room for every other connection.
      this.#remove(peer);
      peer.socket.destroy();
      return true;
    }
    return false;
  }

  #remove(peer: Peer): void {
    this.#peers.delete(peer.socket);
    if (peer.address === null) return;
    this.#shares.get(peer.address)?.shortLived.delete(peer);
    this.#forget(peer.address);
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
    const share = this.#shares.get(address) ?? { held: 0, shortLived: new Set() };
    this.#shares.set(address, share);
    return share;
  }

  #forget(address: string): void {
    const share = this.#shares.get(address);
    if (share?.held === 0 && share.shortLived.size === 0) this.#shares.delete(address);
  }
}

function gatewayFull(): GatewayError {
  return new GatewayError('LIMIT_EXCEEDED', 'The gateway has reached its limit of connections.', RETRY_LATER);
}

function addressFull(): GatewayError {
  return new GatewayError('LIMIT_EXCEEDED', 'Your address has reached its limit of connections; close some first.');
}

function shortOfSockets(): GatewayError {
  const message = 'The gateway is short of sockets and takes no new connections; try again later.';
  return new GatewayError('RATE_LIMITED', message, RETRY_LATER);
}

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../shared/clock.ts';
import type { Spread } from '../../shared/spread.ts';
import { Heartbeats } from './Heartbeats.ts';
import { SocketUpgrades } from './SocketUpgrades.ts';
import type { SocketUpgradesOptions, UpgradeRequest } from './SocketUpgrades.ts';

export interface SocketServerOptions extends SocketUpgradesOptions {
  readonly clock: Clock;
  /** How often each client is pinged. */
  readonly heartbeatMs: number;
}

/** A WebSocket that was made, and what a protocol needs to serve it. */
export interface UpgradedSocket {
  readonly socket: WebSocket;
  /** The connection beneath it. */
  readonly stream: Duplex;
  /** Messages of at least so many bytes are sent compressed; null: none is. */
  readonly compressFromBytes: number | null;
  readonly heartbeats: Heartbeats;
}

/** One client's connection, as its server needs to know it. */
export interface ServedConnection {
  /** Resolves when the socket is closed and nothing that served it is left. */
  readonly closed: Promise<void>;
  /** Closes after the client got what waits for it. */
  finish(code: number, reason: string): void;
}

/** The WebSockets of one protocol: accepts them, pings them, and closes them. */
export class SocketServer {
  readonly #upgrades: SocketUpgrades;
  readonly #heartbeats: Heartbeats;
  readonly #connections = new Set<ServedConnection>();

  constructor({ clock, heartbeatMs, ...upgrades }: SocketServerOptions) {
    this.#upgrades = new SocketUpgrades(upgrades);
    this.#heartbeats = new Heartbeats({ clock, periodMs: heartbeatMs });
  }

  /** Answers a request that is no WebSocket handshake, or calls `connect`, which returns null if it serves nobody. */
  upgrade(upgrade: UpgradeRequest, connect: (upgraded: UpgradedSocket) => ServedConnection | null): void {
    const { socket: stream } = upgrade;
    stream.on('error', ignore);
    this.#upgrades.upgrade(upgrade, (socket) => {
      stream.off('error', ignore);
      const compressFromBytes = this.#upgrades.compressFromBytes(socket);
      const connection = connect({ socket, stream, compressFromBytes, heartbeats: this.#heartbeats });
      if (connection === null) return;
      this.#connections.add(connection);
      void connection.closed.then(() => this.#connections.delete(connection));
    });
  }

  /** Closes every connection with this code, spread as asked; resolves when the last one is gone. */
  async close(code: number, reason: string, spread: Spread): Promise<void> {
    this.#upgrades.close();
    await spread(this.#connections, (connection) => {
      connection.finish(code, reason);
    });
    this.#heartbeats[Symbol.dispose]();
    await Promise.all([...this.#connections].map(({ closed }) => closed));
  }
}

function ignore(): void {}

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Services } from '../core/Services.ts';
import { ClientConnection } from './ClientConnection.ts';
import { ClientIdentity } from './ClientIdentity.ts';
import { Heartbeats } from '../fanout/Heartbeats.ts';
import { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import { SocketUpgrades } from '../fanout/SocketUpgrades.ts';
import type { CompressionSettings } from '../fanout/SocketUpgrades.ts';

export interface RawProtocolOptions {
  readonly services: Services;
  /** `heartbeat.rawMs`. */
  readonly heartbeatMs: number;
  /** `server.maxPayloadBytes`: a longer message closes its connection with 1009. */
  readonly maxPayloadBytes: number;
  /** `server.compression`. */
  readonly compression: CompressionSettings;
}

/** Makes the raw JSON protocol (contract, section 3). Whoever makes it routes upgrades to it, and closes it. */
export function createRaw(options: RawProtocolOptions): RawProtocol {
  return new RawProtocol(options);
}

/** The raw JSON protocol: owns every connection that speaks it, and their heartbeat. */
export class RawProtocol implements AsyncDisposable {
  readonly #services: Services;
  readonly #upgrades: SocketUpgrades;
  readonly #meter: DeliveryMeter;
  readonly #connections = new Set<ClientConnection>();
  readonly #heartbeats: Heartbeats;
  #closed = false;

  constructor({ services, heartbeatMs, ...upgrades }: RawProtocolOptions) {
    this.#services = services;
    // There is no sub-protocol here: a client that needs one is told so by the handshake, not by its first frames.
    this.#upgrades = new SocketUpgrades({ ...upgrades, handleProtocols: () => false });
    this.#meter = new DeliveryMeter({ ...services, protocol: 'raw' });
    this.#heartbeats = new Heartbeats({ clock: services.clock, periodMs: heartbeatMs });
  }

  /**
   * Takes a socket over that asked for an upgrade; what is no WebSocket handshake is answered and closed. Rejects, and the
   * socket is still the caller's, where the login in the headers is none, or its client may not have another connection.
   */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const identity = await ClientIdentity.of(request, this.#services);
    const forget = (): void => {
      identity[Symbol.dispose]();
    };
    socket.once('close', forget);
    if (socket.destroyed) forget();
    this.#upgrades.upgrade({ request, socket, head }, (webSocket) => {
      socket.off('close', forget);
      this.#accept(webSocket, socket, identity);
    });
  }

  /** Tells every client that the server goes (1001); resolves when the last is gone. May be called again. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#heartbeats[Symbol.dispose]();
      this.#upgrades.close();
      for (const connection of this.#connections) connection.close(1001, 'The gateway is shutting down.');
    }
    await Promise.all([...this.#connections].map((connection) => connection.closed));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: WebSocket, stream: Duplex, identity: ClientIdentity): void {
    const connection = new ClientConnection({
      socket,
      identity,
      services: this.#services,
      meter: this.#meter,
      stream,
      compressFromBytes: this.#upgrades.compressFromBytes(socket),
      heartbeats: this.#heartbeats,
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}

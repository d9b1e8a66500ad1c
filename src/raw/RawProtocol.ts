import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ConnectedClient } from '../core/ConnectedClient.ts';
import { evidenceFromHeaders } from '../core/login/loginEvidence.ts';
import type { Services } from '../core/Services.ts';
import { GOING_AWAY } from '../fanout/client/closeReason.ts';
import { SocketServer } from '../fanout/client/SocketServer.ts';
import type { SocketServerOptions } from '../fanout/client/SocketServer.ts';
import { DeliveryMeter } from '../shared/metrics.ts';
import { atOnce } from '../shared/spread.ts';
import type { Spread } from '../shared/spread.ts';
import { RawConnection } from './RawConnection.ts';

export interface RawProtocolOptions extends Pick<
  SocketServerOptions,
  'heartbeatMs' | 'maxPayloadBytes' | 'compression'
> {
  readonly services: Services;
}

/** The WebSockets that speak the raw JSON protocol (docs/raw-protocol.md). */
export class RawProtocol {
  readonly #services: Services;
  readonly #server: SocketServer;
  readonly #meter: DeliveryMeter;

  constructor({ services, ...options }: RawProtocolOptions) {
    const { clock } = services;
    this.#services = services;
    this.#server = new SocketServer({ ...options, clock, handleProtocols: chooseFirst });
    this.#meter = new DeliveryMeter({ ...services, protocol: 'raw' });
  }

  /**
   * Accepts a request for a WebSocket. Rejects, leaving the socket to the caller, if the login in the headers is not
   * accepted or its client may not have another connection.
   */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const client = await this.#admit(request);
    const leave = (): void => {
      client[Symbol.dispose]();
    };
    socket.once('close', leave);
    if (socket.destroyed) leave();
    this.#server.upgrade({ request, socket, head }, (upgraded) => {
      socket.off('close', leave);
      return new RawConnection({ ...upgraded, client, services: this.#services, meter: this.#meter });
    });
  }

  /** Closes every connection with 1001; resolves when the last one is gone. */
  close(spread: Spread = atOnce): Promise<void> {
    return this.#server.close(GOING_AWAY, 'The gateway is shutting down.', spread);
  }

  /** A client that brings no login with the handshake may still log in afterwards. */
  async #admit(request: IncomingMessage): Promise<ConnectedClient> {
    const services = this.#services;
    const address = services.clientOf(request);
    const evidence = services.logins.areChecked ? evidenceFromHeaders(request.headers) : null;
    if (evidence === null && services.logins.required) return ConnectedClient.stranger(services, address);
    const client = await ConnectedClient.admit({ services, address, evidence, sessionToken: null });
    try {
      client.takePlace();
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
  }
}

/**
 * The protocol has no sub-protocol, and the one that a client offers means nothing here. But a browser ends the connection if
 * none of its offers is chosen.
 */
function chooseFirst(offered: ReadonlySet<string>): string | false {
  const [first] = offered;
  return first ?? false;
}

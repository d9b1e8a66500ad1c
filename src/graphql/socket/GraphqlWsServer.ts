import { CloseCode, DEPRECATED_GRAPHQL_WS_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { closeReason } from '../../fanout/client/closeReason.ts';
import { SocketServer } from '../../fanout/client/SocketServer.ts';
import type { SocketServerOptions, UpgradedSocket } from '../../fanout/client/SocketServer.ts';
import type { UpgradeRequest } from '../../fanout/client/SocketUpgrades.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Spread } from '../../shared/spread.ts';
import { GraphqlWsConnection } from './GraphqlWsConnection.ts';
import type { GraphqlWsConnectionOptions } from './GraphqlWsConnection.ts';

export interface GraphqlWsServerOptions
  extends
    Omit<GraphqlWsConnectionOptions, keyof UpgradedSocket | 'request'>,
    Pick<SocketServerOptions, 'heartbeatMs' | 'maxPayloadBytes' | 'compression'> {}

/** How long a refused client may take to close. */
const REFUSAL_GRACE_MS = 2_000;

/** The WebSockets that speak graphql-transport-ws. */
export class GraphqlWsServer {
  readonly #options: GraphqlWsServerOptions;
  readonly #server: SocketServer;

  constructor(options: GraphqlWsServerOptions) {
    const { clock } = options.services;
    this.#options = options;
    this.#server = new SocketServer({ ...options, clock, handleProtocols: chooseProtocol });
  }

  upgrade(upgrade: UpgradeRequest): void {
    const { request } = upgrade;
    this.#server.upgrade(upgrade, (upgraded) => {
      if (upgraded.socket.protocol === GRAPHQL_TRANSPORT_WS_PROTOCOL) {
        return new GraphqlWsConnection({ ...this.#options, ...upgraded, request });
      }
      refuseProtocol(upgraded.socket, this.#options.services.clock);
      return null;
    });
  }

  /** Closes every connection with this code; resolves when the last one is gone. */
  close(code: number, reason: string, spread: Spread): Promise<void> {
    return this.#server.close(code, reason, spread);
  }
}

/**
 * Chooses our sub-protocol if it is offered. If not, the first offer is accepted so that the client can read why it is
 * closed: a client that gets none of its offers fails without a reason.
 */
function chooseProtocol(offered: ReadonlySet<string>): string | false {
  if (offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL)) return GRAPHQL_TRANSPORT_WS_PROTOCOL;
  const [first] = offered;
  return first ?? false;
}

function refuseProtocol(socket: WebSocket, clock: Clock): void {
  socket.on('error', () => undefined);
  const reason =
    socket.protocol === DEPRECATED_GRAPHQL_WS_PROTOCOL
      ? 'The graphql-ws sub-protocol (subscriptions-transport-ws) is not spoken here: use graphql-transport-ws'
      : 'Sub-protocol not acceptable: use graphql-transport-ws';
  const grace = clock.after(REFUSAL_GRACE_MS, () => {
    socket.terminate();
  });
  socket.on('close', () => {
    grace[Symbol.dispose]();
  });
  socket.close(CloseCode.SubprotocolNotAcceptable, closeReason(reason));
}

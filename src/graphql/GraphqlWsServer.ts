import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, DEPRECATED_GRAPHQL_WS_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { closeReason } from '../fanout/closeReason.ts';
import { Heartbeats } from '../fanout/Heartbeats.ts';
import { SocketUpgrades } from '../fanout/SocketUpgrades.ts';
import type { CompressionSettings } from '../fanout/SocketUpgrades.ts';
import { GraphqlWsConnection } from './GraphqlWsConnection.ts';
import type { GraphqlWsConnectionOptions } from './GraphqlWsConnection.ts';

export interface GraphqlWsServerOptions extends Omit<
  GraphqlWsConnectionOptions,
  'socket' | 'stream' | 'request' | 'compressFromBytes' | 'heartbeats' | 'onClosed'
> {
  readonly heartbeatMs: number;
  readonly maxPayloadBytes: number;
  /** `server.compression`. */
  readonly compression: CompressionSettings;
}

/** How long a client that was refused may take to close. */
const REFUSAL_GRACE_MS = 2_000;

/** Takes the sockets that were routed to GraphQL and owns what becomes of them. */
export class GraphqlWsServer {
  readonly #options: GraphqlWsServerOptions;
  readonly #upgrades: SocketUpgrades;
  readonly #heartbeats: Heartbeats;
  readonly #connections = new Set<GraphqlWsConnection>();
  readonly #emptied = Promise.withResolvers<void>();
  #closing = false;

  constructor(options: GraphqlWsServerOptions) {
    this.#options = options;
    this.#upgrades = new SocketUpgrades({ ...options, handleProtocols: chooseProtocol });
    this.#heartbeats = new Heartbeats({ clock: options.services.clock, periodMs: options.heartbeatMs });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', ignore);
    this.#upgrades.upgrade({ request, socket, head }, (webSocket) => {
      socket.off('error', ignore);
      this.#accept(webSocket, socket, request);
    });
  }

  /** Tells every client; resolves when the last one has gone. */
  close(code: number, reason: string): Promise<void> {
    this.#closing = true;
    this.#heartbeats[Symbol.dispose]();
    this.#upgrades.close();
    for (const connection of this.#connections) connection.close(code, reason);
    if (this.#connections.size === 0) this.#emptied.resolve();
    return this.#emptied.promise;
  }

  #accept(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      this.#refuse(socket);
      return;
    }
    const connection = new GraphqlWsConnection({
      ...this.#options,
      socket,
      stream,
      request,
      compressFromBytes: this.#upgrades.compressFromBytes(socket),
      heartbeats: this.#heartbeats,
      onClosed: () => {
        this.#connections.delete(connection);
        if (this.#closing && this.#connections.size === 0) this.#emptied.resolve();
      },
    });
    this.#connections.add(connection);
  }

  #refuse(socket: WebSocket): void {
    const { clock } = this.#options.services;
    socket.on('error', ignore);
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
}

/**
 * Ours where it is offered. Of others the first is taken, only for the client to be able to read why it is closed at once:
 * one that gets none of those it offered fails without a word.
 */
function chooseProtocol(offered: ReadonlySet<string>): string | false {
  if (offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL)) return GRAPHQL_TRANSPORT_WS_PROTOCOL;
  const [first] = offered;
  return first ?? false;
}

function ignore(): void {}

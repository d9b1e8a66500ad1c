import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { SocketClient } from './SocketClient.ts';
import type { Closed } from './SocketClient.ts';

export interface TransportMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A bare WebSocket that speaks graphql-transport-ws only as far as a test makes it. */
export class TransportWsClient extends SocketClient<TransportMessage> {
  private constructor(socket: WebSocket) {
    super(socket, (text) => JSON.parse(text) as TransportMessage);
  }

  /** Opens the socket and sends nothing. */
  static async open(
    url: string,
    protocols: string[] = ['graphql-transport-ws'],
    options: ClientOptions = {},
  ): Promise<TransportWsClient> {
    const client = new TransportWsClient(new WebSocket(url, protocols, options));
    await once(client.socket, 'open');
    return client;
  }

  /** Opens the socket and resolves once the server has acknowledged it. */
  static async connect(url: string, options: ClientOptions = {}): Promise<TransportWsClient> {
    const client = await TransportWsClient.open(url, ['graphql-transport-ws'], options);
    client.send({ type: 'connection_init' });
    await client.message((message) => message.type === 'connection_ack');
    return client;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables?: Record<string, unknown>): void {
    this.send({ id, type: 'subscribe', payload: { query, variables } });
  }

  of(id: string): TransportMessage[] {
    return this.messages.filter((message) => message.id === id);
  }

  /** Resolves with the first matching message, which may still have to come. */
  message(fits: (message: TransportMessage) => boolean): Promise<TransportMessage> {
    return this.waitFor(fits);
  }

  typed(type: string, id: string): Promise<TransportMessage> {
    return this.message((message) => message.type === type && message.id === id);
  }

  closing(): Promise<Closed> {
    return this.waitForClose();
  }

  /** Resolves when the server has seen everything that was sent to it: a ping sent now has been answered. */
  async roundTrip(): Promise<void> {
    const token = String(this.messages.length + Math.random());
    this.send({ type: 'ping', payload: { token } });
    await this.message(
      ({ type, payload }) => type === 'pong' && (payload as { token?: string } | undefined)?.token === token,
    );
  }
}

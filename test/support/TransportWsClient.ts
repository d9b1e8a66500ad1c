import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { waitFor } from './waitFor.ts';

export interface TransportMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A bare WebSocket that speaks graphql-transport-ws only as far as a test makes it. */
export class TransportWsClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly messages: TransportMessage[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString('utf8')) as TransportMessage);
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') };
    });
  }

  /** Opened, and nothing said yet. */
  static async open(
    url: string,
    protocols: string[] = ['graphql-transport-ws'],
    options: ClientOptions = {},
  ): Promise<TransportWsClient> {
    const client = new TransportWsClient(new WebSocket(url, protocols, options));
    await once(client.socket, 'open');
    return client;
  }

  /** Opened and acknowledged. */
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

  /** The first message that fits, now or later. */
  message(fits: (message: TransportMessage) => boolean): Promise<TransportMessage> {
    return waitFor(() => this.messages.find(fits), 'a message from the server');
  }

  typed(type: string, id: string): Promise<TransportMessage> {
    return this.message((message) => message.type === type && message.id === id);
  }

  closing(): Promise<{ readonly code: number; readonly reason: string }> {
    return waitFor(() => this.closed, 'the server to close the socket');
  }

  /** Everything that was sent to the server has been seen by it: a ping after it was answered. */
  async roundTrip(): Promise<void> {
    const token = String(this.messages.length + Math.random());
    this.send({ type: 'ping', payload: { token } });
    await this.message(
      ({ type, payload }) => type === 'pong' && (payload as { token?: string } | undefined)?.token === token,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed !== null) return;
    this.socket.terminate();
    await waitFor(() => this.closed, 'the socket to close');
  }
}

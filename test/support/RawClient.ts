import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { SocketClient } from './SocketClient.ts';
import { waitFor } from './waitFor.ts';

/** A message from the server as it was received: any JSON object. */
export interface RawMessage {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A small real client of the raw JSON protocol, over a real WebSocket. */
export class RawClient extends SocketClient<RawMessage> {
  #nextId = 1;

  private constructor(socket: WebSocket) {
    super(socket, toMessage);
  }

  /**
   * Resolves once the server has sent its greeting; rejects if the server refuses the client. `url` may be that of the
   * HTTP server.
   */
  static async connect(url: string, options: ClientOptions = {}): Promise<RawClient> {
    const target = new URL('/ws', url.replace(/^http/, 'ws'));
    const client = new RawClient(new WebSocket(target, options));
    await waitFor(() => {
      if (client.closed !== null) throw new Error(`closed with ${client.closed.code} instead of a greeting`);
      return client.messages.some((message) => message['status'] === 'connected');
    }, 'the greeting');
    return client;
  }

  /** Sends the object as JSON, or text and bytes as they are. */
  send(message: object | string): void {
    if (Buffer.isBuffer(message)) this.socket.send(message);
    else this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends the message under a new id and resolves with the answer that carries this id. */
  async ask(message: object): Promise<RawMessage> {
    const id = `ask-${this.#nextId++}`;
    this.send({ ...message, id });
    return this.waitFor((answer) => answer['id'] === id);
  }

  subscribe(
    broker: string | null,
    symbols: readonly string[],
    types?: readonly string[],
    options?: object,
  ): Promise<RawMessage> {
    return this.ask({ action: 'subscribe', ...(broker === null ? {} : { broker }), symbols, types, options });
  }

  /** Returns the data of the messages of one type (and symbol), in order. */
  data(type: string, symbol?: string): readonly Record<string, unknown>[] {
    return this.messages.flatMap((message) => {
      const data = message['data'];
      if (message.type !== 'data' || !isRecord(data) || data['type'] !== type) return [];
      return symbol === undefined || message['symbol'] === symbol ? [data] : [];
    });
  }

  async close(): Promise<void> {
    if (this.closed !== null) return;
    this.socket.close();
    await this.waitForClose();
  }
}

function toMessage(text: string): RawMessage {
  const json: unknown = JSON.parse(text);
  if (!isRecord(json) || typeof json['type'] !== 'string') throw new TypeError('the server sent no message');
  return { ...json, type: json['type'] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

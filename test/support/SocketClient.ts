import type { RawData, WebSocket } from 'ws';
import { waitFor } from './waitFor.ts';

/** How a connection ended: what the close frame said, or 1006 if the connection just broke. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A real WebSocket that keeps all that the server sent, and how it ended. */
export abstract class SocketClient<Message> implements AsyncDisposable {
  readonly socket: WebSocket;
  /** Everything the server sent, in order. */
  readonly messages: Message[] = [];
  closed: Closed | null = null;

  protected constructor(socket: WebSocket, parse: (text: string) => Message) {
    this.socket = socket;
    socket.on('message', (data: RawData) => {
      this.messages.push(parse(Buffer.isBuffer(data) ? data.toString('utf8') : ''));
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') };
    });
    socket.on('error', () => undefined);
  }

  /** The first message that fits, now or later. */
  waitFor(fits: (message: Message) => boolean, what = 'a message from the server'): Promise<Message> {
    return waitFor(() => this.messages.find(fits), what);
  }

  waitForClose(): Promise<Closed> {
    return waitFor(() => this.closed, 'the connection to be closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.waitForClose();
  }
}

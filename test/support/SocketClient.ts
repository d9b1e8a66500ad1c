import type { RawData, WebSocket } from 'ws';
import { waitFor } from './waitFor.ts';

/** How a connection ended: the content of the close frame, or 1006 if the connection just broke. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A real WebSocket that keeps everything that the server sent, and how it ended. */
export abstract class SocketClient<Message> implements AsyncDisposable {
  readonly socket: WebSocket;
  /** All messages from the server, in order. */
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

  /** Resolves with the first matching message, which may still have to come. */
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

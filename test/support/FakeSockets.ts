import type { OpenWebSocket, SocketListener } from '../../src/transport/WebSocketFeed.ts';

/** A socket whose other end is played by a test. */
export class FakeSocket {
  readonly url: string;
  readonly sent: string[] = [];
  readonly #listener: SocketListener;
  #gone = false;

  constructor(url: string, listener: SocketListener) {
    this.url = url;
    this.#listener = listener;
  }

  get gone(): boolean {
    return this.#gone;
  }

  open(): void {
    this.#listener.onOpen();
  }

  text(text: string): void {
    this.#listener.onText(text);
  }

  json(value: unknown): void {
    this.text(JSON.stringify(value));
  }

  unreadable(): void {
    this.#listener.onUnreadable();
  }

  ping(): void {
    this.#listener.onHeartbeat();
  }

  /** Ends the socket from the other side. */
  drop(reason = 'dropped', retryAfterMs = 0): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#listener.onEnd({ reason, retryAfterMs });
  }

  /** The listener, for a late frame of a socket that has ended. */
  get listener(): SocketListener {
    return this.#listener;
  }
}

/** Takes the place of real sockets, and keeps every socket that was opened, in order. */
export class FakeSockets {
  readonly all: FakeSocket[] = [];

  readonly open: OpenWebSocket = (url, listener) => {
    const socket = new FakeSocket(url, listener);
    this.all.push(socket);
    return {
      send: (text) => {
        socket.sent.push(text);
      },
      terminate: () => {
        socket.drop('terminated');
      },
    };
  };

  get last(): FakeSocket {
    const socket = this.all.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  /** The sockets that are neither dropped nor terminated. */
  get alive(): FakeSocket[] {
    return this.all.filter(({ gone }) => !gone);
  }
}

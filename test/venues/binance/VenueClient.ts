import { WebSocket } from 'ws';
import { waitFor } from '../../support/waitFor.ts';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** The simplest possible client: it keeps every frame, so that a test can check what a venue sent. */
export class VenueClient implements Disposable {
  readonly socket: WebSocket;
  /** The text frames as they came. */
  readonly frames: string[] = [];
  readonly pings: string[] = [];
  binaryFrames = 0;
  closed: Closed | null = null;
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.binaryFrames += 1;
      else this.frames.push(Buffer.isBuffer(data) ? data.toString() : '');
    });
    socket.on('ping', (data) => {
      this.pings.push(data.toString());
    });
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  /** Rejects when the handshake is refused. */
  static async connect(url: string, options: { readonly autoPong?: boolean } = {}): Promise<VenueClient> {
    const socket = new WebSocket(url, options);
    const client = new VenueClient(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('open', resolve);
    socket.once('error', reject);
    await promise;
    return client;
  }

  /** Resolves with the status with which a handshake is refused. */
  static async refusal(url: string): Promise<number> {
    const socket = new WebSocket(url);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('open', () => {
      socket.terminate();
      reject(new Error('the handshake was accepted'));
    });
    socket.on('error', () => undefined);
    return promise;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends a request and resolves with its reply. */
  async request(method: string, params?: readonly unknown[]): Promise<unknown> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.send(params === undefined ? { method, id } : { method, params, id });
    return this.waitFor((message) => isReply(message, id));
  }

  async subscribe(...streams: string[]): Promise<void> {
    await this.request('SUBSCRIBE', streams);
  }

  /** All frames, parsed. */
  messages(): unknown[] {
    return this.frames.map((frame): unknown => JSON.parse(frame));
  }

  /** Resolves with the first matching message, which may still have to come. */
  async waitFor(fits: (message: unknown) => boolean, deadlineMs = 5000): Promise<unknown> {
    return waitFor(() => this.messages().find(fits), 'a message of the venue', deadlineMs);
  }

  async waitForFrames(count: number, deadlineMs = 5000): Promise<readonly string[]> {
    await waitFor(() => this.frames.length >= count, `${count} frames`, deadlineMs);
    return this.frames;
  }

  async waitForClose(deadlineMs = 5000): Promise<Closed> {
    return waitFor(() => this.closed, 'the end of the connection', deadlineMs);
  }

  /** Resolves when the reply to a new request has arrived, and with it everything that the venue sent before. */
  async settle(): Promise<void> {
    await this.request('LIST_SUBSCRIPTIONS');
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

function isReply(message: unknown, id: number): boolean {
  return typeof message === 'object' && message !== null && 'id' in message && message.id === id;
}

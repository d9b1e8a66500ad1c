import { randomUUID } from 'node:crypto';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { conversationOf } from './cases.ts';
import type { CaseName, Conversation } from './cases.ts';
import { drawSymbols } from './documents.ts';
import type { DocumentName, SymbolSpread } from './documents.ts';
import { CLIENT_PONG, clientTextFrame, EventCounter, FrameCounter } from './frames.ts';
import type { FrameKind } from './frames.ts';
import { serveCalls } from './rpc.ts';

// This is the child process with the clients. They are bare sockets that count frames, so that the reader is never the
// bottleneck.

export interface ConnectRequest {
  readonly port: number;
  readonly name: CaseName;
  readonly document: DocumentName;
  readonly count: number;
  /** This many different documents are spread over the clients. */
  readonly documents: number;
  /** Null if there is one symbol, which every client has. */
  readonly symbols: SymbolSpread | null;
}

export interface Counts {
  /** The messages of all reading clients since the last `reset`. */
  readonly messages: number;
  readonly bytes: number;
  /** Counts the compressed ones among the messages. */
  readonly compressed: number;
  /** The messages of the client that got the fewest, and of the one that got the most. */
  readonly least: number;
  readonly most: number;
  /** Counts the connections that have had at least one message. */
  readonly begun: number;
  readonly closed: number;
  /** The first bytes that the first client received, for diagnosis. */
  readonly beginning: string;
}

/**
 * The time at which each reading client received each sampled event: client after client, microseconds of the monotonic
 * clock.
 */
export interface Samples {
  readonly perClient: number;
  readonly at: Float64Array;
}

export interface ClientCalls {
  connect(request: ConnectRequest): Promise<void>;
  counts(argument: null): Counts;
  /**
   * Starts all counts from zero; `samples` is the room of each client, which keeps the time of every `every`-th
   * message.
   */
  reset(request: { readonly samples: number; readonly every: number }): void;
  samples(argument: null): Samples;
  /** Makes one client in this many stop reading. Returns how many do. */
  stall(oneIn: number): number;
}

const SHOWN_BYTES = 1_500;
/** This many connections are opened at the same time. */
const AT_ONCE = 50;
const DEFLATE_OFFER = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';
const DEFLATE_ACCEPTED = /^sec-websocket-extensions:[ \t]*permessage-deflate/im;

let sampling = { samples: 0, every: 1 };

class Client {
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  readonly #frames: FrameCounter | EventCounter;
  readonly #opened = Promise.withResolvers<void>();
  /** The part of the answer's head that has come; null once it is complete. */
  #head: string | null;
  #texts = 0;
  #at = new Float64Array(0);
  #now = 0;
  beginning = '';
  messages = 0;
  bytes = 0;
  compressed = 0;
  closed = false;
  stalled = false;

  constructor(port: number, conversation: Conversation) {
    this.#conversation = conversation;
    this.#head = conversation.kind === 'tcp' ? null : '';
    this.#frames = conversation.kind === 'event-stream' ? new EventCounter() : new FrameCounter();
    this.#socket = connectSocket({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('connect', () => {
      this.#begin(port);
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    this.#socket.on('error', (error) => {
      this.#opened.reject(error);
    });
    this.#socket.on('close', () => {
      this.closed = true;
      this.#opened.reject(new Error(`closed while opening: ${this.beginning}`));
    });
  }

  /** Resolves when the client has sent everything that it has to send. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** The times at which it received the sampled events. */
  get samples(): Float64Array {
    return this.#at;
  }

  reset(): void {
    this.messages = 0;
    this.bytes = 0;
    this.compressed = 0;
    this.#at = new Float64Array(sampling.samples);
  }

  stall(): void {
    this.stalled = true;
    this.#socket.pause();
  }

  readonly #onFrame = (kind: FrameKind, isCompressed: boolean): void => {
    if (kind === 'ping') this.#socket.write(CLIENT_PONG);
    if (kind !== 'text') return;
    this.#texts += 1;
    if (this.#conversation.kind === 'websocket' && this.#texts <= this.#conversation.preamble) {
      this.#say();
      return;
    }
    if (this.messages % sampling.every === 0 && this.messages / sampling.every < this.#at.length) {
      this.#now ||= Number(process.hrtime.bigint()) / 1_000;
      this.#at[this.messages / sampling.every] = this.#now;
    }
    this.messages += 1;
    if (isCompressed) this.compressed += 1;
  };

  #begin(port: number): void {
    const request = requestOf(this.#conversation, `127.0.0.1:${port}`);
    if (request === null) this.#opened.resolve();
    else this.#socket.write(request);
  }

  #receive(chunk: Buffer): void {
    if (this.beginning.length < SHOWN_BYTES) this.beginning += chunk.toString('latin1').slice(0, SHOWN_BYTES);
    if (this.#head === null) {
      this.bytes += chunk.length;
      this.#now = 0;
      this.#frames.push(chunk, this.#onFrame);
      return;
    }
    const head = this.#head + chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#head = head;
      return;
    }
    const refusal = this.#refusal(head.slice(0, end));
    if (refusal !== null) {
      this.#opened.reject(new Error(`${refusal}:\n${head}`));
      this.#socket.destroy();
      return;
    }
    this.#head = null;
    this.#say();
    if (end + 4 < head.length) this.#receive(Buffer.from(head.slice(end + 4), 'latin1'));
  }

  /** Returns what is wrong with the server's answer; null if nothing is. */
  #refusal(head: string): string | null {
    const conversation = this.#conversation;
    if (conversation.kind !== 'websocket') return head.startsWith('HTTP/1.1 200') ? null : 'no stream of events';
    if (!head.startsWith('HTTP/1.1 101')) return 'no upgrade';
    return conversation.upgrade.compressed && !DEFLATE_ACCEPTED.test(head) ? 'no compression' : null;
  }

  #say(): void {
    if (this.#conversation.kind !== 'websocket') {
      this.#opened.resolve();
      return;
    }
    const { says, preamble } = this.#conversation;
    const text = says[this.#texts];
    if (text !== undefined && text !== '') this.#socket.write(clientTextFrame(text.replace('{id}', randomUUID())));
    if (this.#texts >= preamble) this.#opened.resolve();
  }
}

/** Returns what a client sends first; null if it sends nothing. */
function requestOf(conversation: Conversation, host: string): string | null {
  if (conversation.kind === 'tcp') return null;
  const lines = conversation.kind === 'websocket' ? upgradeLines(conversation) : postLines(conversation);
  const body = conversation.kind === 'event-stream' ? conversation.body : '';
  return `${[...lines, `Host: ${host}`].join('\r\n')}\r\n\r\n${body}`;
}

function upgradeLines({ upgrade }: Extract<Conversation, { kind: 'websocket' }>): readonly string[] {
  return [
    `GET ${upgrade.path} HTTP/1.1`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(upgrade.protocol === null ? [] : [`Sec-WebSocket-Protocol: ${upgrade.protocol}`]),
    ...(upgrade.compressed ? [DEFLATE_OFFER] : []),
  ];
}

function postLines({ path, body }: Extract<Conversation, { kind: 'event-stream' }>): readonly string[] {
  return [
    `POST ${path} HTTP/1.1`,
    'Accept: text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
}

const clients: Client[] = [];

serveCalls<ClientCalls>({
  async connect({ port, name, document, count, documents, symbols: spread }) {
    for (let left = count; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(left, AT_ONCE) }, () => {
        const variant = clients.length % documents;
        const symbols = spread === null ? null : drawSymbols(spread, clients.length);
        const client = new Client(port, conversationOf(name, { document, variant, symbols }));
        clients.push(client);
        return client.opened;
      });
      await Promise.all(some);
    }
  },
  counts() {
    const reading = clients.filter(({ stalled }) => !stalled);
    const messages = reading.map((client) => client.messages);
    return {
      messages: messages.reduce((sum, own) => sum + own, 0),
      bytes: reading.reduce((sum, { bytes }) => sum + bytes, 0),
      compressed: reading.reduce((sum, { compressed }) => sum + compressed, 0),
      least: Math.min(...messages),
      most: Math.max(...messages),
      begun: messages.filter((own) => own > 0).length,
      closed: clients.filter(({ closed }) => closed).length,
      beginning: clients[0]?.beginning ?? '',
    };
  },
  reset(request) {
    sampling = request;
    for (const client of clients) client.reset();
  },
  samples() {
    const reading = clients.filter(({ stalled }) => !stalled);
    const at = new Float64Array(reading.length * sampling.samples);
    for (const [index, client] of reading.entries()) at.set(client.samples, index * sampling.samples);
    return { perClient: sampling.samples, at };
  },
  stall(oneIn) {
    const chosen = clients.filter((_, index) => index % oneIn === oneIn - 1);
    for (const client of chosen) client.stall();
    return chosen.length;
  },
});

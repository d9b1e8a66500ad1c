import { once } from 'node:events';
import WebSocket from 'ws';
import { BROKER, symbolsOf } from '../documents.ts';

/** One event of this many is looked at for how late it comes. */
const SAMPLE_EVERY = 50;
const BEFORE_ID = '"tradeId":"';

/** A client of all symbols, which counts what it gets and reads little of it. Trade ids are times. */
export class CountingClient implements Disposable {
  readonly #socket: WebSocket;
  readonly #latenessUs: number[] = [];
  events = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(port: number, symbols: number): Promise<CountingClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false, skipUTF8Validation: true });
    await once(socket, 'open');
    const client = new CountingClient(socket);
    socket.on('message', (bytes: Buffer) => {
      client.#take(bytes);
    });
    socket.on('close', (code: number) => {
      console.error(`a gateway has closed the connection of its client: ${code}`);
    });
    const wish = { broker: BROKER, symbols: symbolsOf(symbols), types: ['trade'] };
    socket.send(JSON.stringify({ action: 'subscribe', ...wish }));
    return client;
  }

  /** The median and the 99th percentile of how late events were, in milliseconds. */
  get lateness(): string {
    const sorted = this.#latenessUs.toSorted((a, b) => a - b);
    return [0.5, 0.99]
      .map((share) => ((sorted[Math.floor(sorted.length * share)] ?? 0) / 1_000).toFixed(2))
      .join(' / ');
  }

  reset(): void {
    this.events = 0;
    this.#latenessUs.length = 0;
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners('close');
    this.#socket.terminate();
  }

  #take(bytes: Buffer): void {
    this.events += 1;
    if (this.events % SAMPLE_EVERY !== 0) return;
    const now = Number(process.hrtime.bigint() / 1_000n);
    const text = bytes.toString('latin1');
    const at = text.indexOf(BEFORE_ID);
    if (at !== -1) this.#latenessUs.push(now - Number.parseInt(text.slice(at + BEFORE_ID.length), 10));
  }
}

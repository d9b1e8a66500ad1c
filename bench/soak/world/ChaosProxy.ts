import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Changes what goes to the client of one connection. */
export type Tamper = (bytes: Buffer) => Buffer;

/** These pieces go on later, in order: nothing overtakes them. */
interface Delayed {
  readonly queue: { readonly bytes: Buffer; readonly dueMs: number }[];
  timer: NodeJS.Timeout | null;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** By the socket that it goes to. */
  readonly delayed: ReadonlyMap<Socket, Delayed>;
  /** The connection breaks when the server has sent so much more. */
  bytesLeft: number;
  /** It alone is silent. */
  isHeld: boolean;
}

/** A network on loopback that breaks, falls silent or slows down when it is told to. */
export class ChaosProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #tamper: (() => Tamper) | null;
  #delayMs = 0;
  #refuses = false;
  #silent = false;

  private constructor(port: () => number, tamper: (() => Tamper) | null) {
    this.#tamper = tamper;
    this.#server = createServer((near) => {
      if (this.#refuses) near.resetAndDestroy();
      else this.#carry(near, connect(port(), '127.0.0.1'));
    });
  }

  /** A port that is a function is asked for at each connection. `tamper` is made once for each connection. */
  static async to(port: number | (() => number), tamper: (() => Tamper) | null = null): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(typeof port === 'number' ? () => port : port, tamper);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection: at once, or when the server has sent so many bytes more. */
  cut(afterBytes = 0): void {
    for (const pair of this.#pairs) {
      pair.bytesLeft = afterBytes;
      if (afterBytes === 0) reset(pair);
    }
  }

  /** Ends every connection in good order. */
  finish(): void {
    for (const { near, far } of this.#pairs) {
      near.end();
      far.end();
    }
  }

  /** While it is silent nothing goes on in either direction; nothing is lost unless the connection ends. */
  set silent(silent: boolean) {
    this.#silent = silent;
    for (const pair of this.#pairs) if (!pair.isHeld) setPaused(pair, silent);
  }

  /** One of the connections is silent until this is disposed of: 0 is the oldest that is open. */
  hold(index: number): Disposable {
    const pair = [...this.#pairs][index];
    if (pair !== undefined) {
      pair.isHeld = true;
      setPaused(pair, true);
    }
    return {
      [Symbol.dispose]: () => {
        if (pair === undefined) return;
        pair.isHeld = false;
        if (!this.#silent) setPaused(pair, false);
      },
    };
  }

  /** New connections are reset. */
  set refuses(refuses: boolean) {
    this.#refuses = refuses;
  }

  /** All bytes go on so much later. */
  set delayMs(delayMs: number) {
    this.#delayMs = delayMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(near: Socket, far: Socket): void {
    const delayed = new Map([near, far].map((socket) => [socket, { queue: [], timer: null }]));
    const pair: Pair = { near, far, delayed, bytesLeft: Infinity, isHeld: false };
    this.#pairs.add(pair);
    const tamper = this.#tamper?.() ?? ((bytes: Buffer) => bytes);
    near.on('data', (bytes: Buffer) => {
      this.#pass(pair, bytes, far);
    });
    far.on('data', (bytes: Buffer) => {
      this.#pass(pair, tamper(bytes).subarray(0, pair.bytesLeft), near);
      pair.bytesLeft -= bytes.length;
      if (pair.bytesLeft <= 0) reset(pair);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      // The other side reads no faster than this one takes.
      socket.on('drain', () => {
        if (!this.#silent && !pair.isHeld) other.resume();
      });
      socket.on('close', () => {
        this.#pairs.delete(pair);
        for (const { timer } of delayed.values()) if (timer !== null) clearTimeout(timer);
        near.destroy();
        far.destroy();
      });
      if (this.#silent) socket.pause();
    }
  }

  #pass(pair: Pair, bytes: Buffer, to: Socket): void {
    const delayed = pair.delayed.get(to);
    if (delayed === undefined || (this.#delayMs === 0 && delayed.queue.length === 0)) {
      send(pair, bytes, to);
      return;
    }
    const dueMs = Math.max(performance.now() + this.#delayMs, delayed.queue.at(-1)?.dueMs ?? 0);
    delayed.queue.push({ bytes, dueMs });
    delayed.timer ??= setTimeout(() => {
      release(pair, delayed, to);
    }, this.#delayMs);
  }
}

/** Sends on what is due, and waits for the rest. */
function release(pair: Pair, delayed: Delayed, to: Socket): void {
  const now = performance.now();
  delayed.timer = null;
  for (let next = delayed.queue[0]; next !== undefined; next = delayed.queue[0]) {
    if (next.dueMs > now) {
      delayed.timer = setTimeout(() => {
        release(pair, delayed, to);
      }, next.dueMs - now);
      return;
    }
    delayed.queue.shift();
    send(pair, next.bytes, to);
  }
}

function send({ near, far }: Pair, bytes: Buffer, to: Socket): void {
  if (!to.write(bytes)) (to === near ? far : near).pause();
}

function setPaused({ near, far }: Pair, isPaused: boolean): void {
  for (const socket of [near, far]) {
    if (isPaused) socket.pause();
    else socket.resume();
  }
}

function reset({ near, far }: Pair): void {
  near.resetAndDestroy();
  far.resetAndDestroy();
}

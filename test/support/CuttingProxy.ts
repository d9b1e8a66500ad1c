import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** By so many bytes it shows what a connection is for. */
const BEGINNING = 1_000;

/** A network between clients and a server that breaks when a test says so, in the middle of whatever goes on. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** The next connection breaks after it has carried so many bytes of its client. */
  #nextCarries = Infinity;
  /** Tells by what a client has sent first whether its connection is frozen. */
  #isFrozen: (begun: string) => boolean = () => false;
  /** Connections that were cut. */
  cuts = 0;
  /** Connections that were made. */
  connections = 0;
  /** Bytes that clients have sent. */
  bytes = 0;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      this.#carry(near, connect(port, '127.0.0.1'));
    });
  }

  static async to(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection without a word, and the next one when it has carried so many bytes. */
  cut(nextCarries = Infinity): void {
    this.#nextCarries = nextCarries;
    for (const pair of this.#pairs) this.#break(pair);
  }

  /**
   * From now on nothing passes, in either direction; neither side is told. `concerns`: only on connections of which it
   * is true for what their client has sent first.
   */
  freeze(concerns: (begun: string) => boolean = () => true): void {
    this.#isFrozen = concerns;
  }

  /** What was frozen is cut, and everything passes again. */
  heal(): void {
    this.#isFrozen = () => false;
    this.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    let begun = '';
    this.connections += 1;
    this.#pairs.add(pair);
    let left = this.#nextCarries;
    this.#nextCarries = Infinity;
    near.on('data', (bytes: Buffer) => {
      this.bytes += bytes.length;
      if (begun.length < BEGINNING) begun += bytes.toString('latin1');
      if (this.#isFrozen(begun)) return;
      left -= bytes.length;
      if (left < 0) this.#break(pair);
      else far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      if (!this.#isFrozen(begun)) near.write(bytes);
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  }

  #break([near, far]: readonly [Socket, Socket]): void {
    this.cuts += 1;
    near.resetAndDestroy();
    far.resetAndDestroy();
  }
}

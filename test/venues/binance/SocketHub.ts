import type { StandInSocket } from './StandInSocket.ts';
import { parseStream } from './streamNames.ts';
import type { Stream } from './streamNames.ts';
import type { TimeUnit } from './time.ts';

/** Gives a message in the unit that a connection has asked for. */
export type Render = (unit: TimeUnit) => string;

/** Every open socket, and who hears which stream. A stream that the venue does not serve has hearers and no messages. */
export class SocketHub {
  readonly #sockets = new Set<StandInSocket>();
  readonly #hearers = new Map<string, Set<StandInSocket>>();
  /** Streams whose messages go nowhere, however subscribed. */
  muted: RegExp | null = null;

  get sockets(): readonly StandInSocket[] {
    return [...this.#sockets];
  }

  add(socket: StandInSocket): void {
    this.#sockets.add(socket);
    for (const stream of socket.streams) this.#listen(socket, stream);
  }

  remove(socket: StandInSocket): void {
    this.#sockets.delete(socket);
    this.unsubscribe(socket, [...socket.streams]);
  }

  subscribe(socket: StandInSocket, streams: readonly string[]): void {
    for (const stream of streams) {
      socket.streams.add(stream);
      this.#listen(socket, stream);
    }
  }

  unsubscribe(socket: StandInSocket, streams: readonly string[]): void {
    for (const stream of streams) {
      socket.streams.delete(stream);
      const hearers = this.#hearers.get(stream);
      hearers?.delete(socket);
      if (hearers?.size === 0) this.#hearers.delete(stream);
    }
  }

  has(stream: string): boolean {
    return this.#hearers.has(stream);
  }

  hearers(stream: string): ReadonlySet<StandInSocket> {
    return this.#hearers.get(stream) ?? new Set();
  }

  /** The streams that somebody hears and the venue serves. */
  live(): Stream[] {
    return [...this.#hearers.keys()].map(parseStream).filter((stream) => stream !== null);
  }

  publish(stream: string, render: Render): void {
    const hearers = this.#hearers.get(stream);
    if (hearers === undefined || this.muted?.test(stream) === true) return;
    const rendered: Partial<Record<TimeUnit, string>> = {};
    for (const socket of hearers) socket.deliver(stream, (rendered[socket.unit] ??= render(socket.unit)));
  }

  #listen(socket: StandInSocket, stream: string): void {
    const hearers = this.#hearers.get(stream);
    if (hearers === undefined) this.#hearers.set(stream, new Set([socket]));
    else hearers.add(socket);
  }
}

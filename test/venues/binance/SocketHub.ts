import type { StandInSocket } from './StandInSocket.ts';
import { parseStream } from './streamNames.ts';
import type { Stream } from './streamNames.ts';
import type { TimeUnit } from './time.ts';

/** Makes a message in the unit of time that a connection has requested. */
export type Render = (unit: TimeUnit) => string;

/**
 * All open sockets, and the subscribers of each stream. A stream that the venue does not serve has subscribers and no
 * messages.
 */
export class SocketHub {
  readonly #sockets = new Set<StandInSocket>();
  readonly #subscribers = new Map<string, Set<StandInSocket>>();
  /** The messages of these streams are not sent, although they can be subscribed to. */
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
      const subscribers = this.#subscribers.get(stream);
      subscribers?.delete(socket);
      if (subscribers?.size === 0) this.#subscribers.delete(stream);
    }
  }

  has(stream: string): boolean {
    return this.#subscribers.has(stream);
  }

  subscribers(stream: string): ReadonlySet<StandInSocket> {
    return this.#subscribers.get(stream) ?? new Set();
  }

  /** The streams that have subscribers and are served by the venue. */
  live(): Stream[] {
    return [...this.#subscribers.keys()].map(parseStream).filter((stream) => stream !== null);
  }

  publish(stream: string, render: Render): void {
    const subscribers = this.#subscribers.get(stream);
    if (subscribers === undefined || this.muted?.test(stream) === true) return;
    const rendered: Partial<Record<TimeUnit, string>> = {};
    for (const socket of subscribers) socket.deliver(stream, (rendered[socket.unit] ??= render(socket.unit)));
  }

  #listen(socket: StandInSocket, stream: string): void {
    const subscribers = this.#subscribers.get(stream);
    if (subscribers === undefined) this.#subscribers.set(stream, new Set([socket]));
    else subscribers.add(socket);
  }
}

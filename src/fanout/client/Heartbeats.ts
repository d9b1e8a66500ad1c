import type { WebSocket } from 'ws';
import type { Clock } from '../../shared/clock.ts';

interface Beating {
  readonly socket: WebSocket;
  answered: boolean;
}

export interface HeartbeatsOptions {
  readonly clock: Clock;
  /** How often each client is pinged. */
  readonly periodMs: number;
}

/** So many parts of the clients are pinged one after the other, so that no one turn has to ping them all. */
const PARTS = 10;

/** Pings the clients of one protocol, and cuts off whoever has not answered by the next ping. Nobody there, no timer. */
export class Heartbeats implements Disposable {
  readonly #options: HeartbeatsOptions;
  readonly #parts: readonly Set<Beating>[] = Array.from({ length: PARTS }, () => new Set());
  #count = 0;
  #timer: Disposable | null = null;
  #turn = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /** The client is pinged until this is disposed of, for the first time after nearly a period. */
  add(socket: WebSocket): Disposable {
    const beating: Beating = { socket, answered: true };
    const part = this.#parts[this.#turn];
    part?.add(beating);
    this.#count += 1;
    const { clock, periodMs } = this.#options;
    this.#timer ??= clock.every(periodMs / PARTS, () => {
      this.#turn = (this.#turn + 1) % PARTS;
      for (const each of this.#parts[this.#turn] ?? []) beat(each);
    });
    socket.on('pong', () => {
      beating.answered = true;
    });
    return {
      [Symbol.dispose]: () => {
        if (part?.delete(beating) !== true) return;
        this.#count -= 1;
        if (this.#count === 0) this[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }
}

function beat(beating: Beating): void {
  const { socket, answered } = beating;
  if (!answered) socket.terminate();
  else if (socket.readyState === socket.OPEN) socket.ping();
  beating.answered = false;
}

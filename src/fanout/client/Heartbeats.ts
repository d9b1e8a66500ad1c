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

/** The clients are pinged in this many parts, so that no single turn of the event loop pings them all. */
const PARTS = 10;

/**
 * Pings the clients of one protocol, and terminates those that have not answered by the next ping. Without clients
 * there is no timer.
 */
export class Heartbeats implements Disposable {
  readonly #options: HeartbeatsOptions;
  readonly #parts: readonly Set<Beating>[] = Array.from({ length: PARTS }, () => new Set());
  #count = 0;
  #timer: Disposable | null = null;
  #turn = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /** Pings the client until this is disposed of, first after almost one period. */
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

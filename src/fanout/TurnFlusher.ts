import type { Clock } from '../shared/clock.ts';

export interface Flushable {
  flush(): void;
}

/**
 * Lets what arrives in one turn of the event loop leave in one write a client: whoever has something to write is flushed
 * once, when the events at hand have been handled. One for the gateway; the more there is to do, the more shares a write.
 */
export class TurnFlusher implements Disposable {
  readonly #clock: Clock;
  #waiting: Flushable[] = [];
  #turn: Disposable | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(flushable: Flushable): void {
    this.#waiting.push(flushable);
    this.#turn ??= this.#clock.turn(() => {
      this.#turn = null;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const each of waiting) each.flush();
    });
  }

  [Symbol.dispose](): void {
    this.#turn?.[Symbol.dispose]();
    this.#turn = null;
    this.#waiting = [];
  }
}

import type { Clock } from '../../shared/clock.ts';

/** Something that collects writes and makes them at the end of the turn. */
export interface Flushable {
  flush(): void;
}

/** An update that waits to be passed to the subscribers of one group. */
export interface Dispatchable {
  /** Passes the update to each subscriber. */
  dispatch(): void;
}

/**
 * Makes everything that arrives in one turn of the event loop leave in one write for each client. At the end of the
 * turn, updates are dispatched to their subscribers in order, and then every outbox that has something to write is
 * flushed once. The gateway has one scheduler. The busier it is, the more updates share a write.
 */
export class FlushScheduler implements Disposable {
  readonly #clock: Clock;
  #dispatchables: Dispatchable[] = [];
  #flushables: Flushable[] = [];
  #timer: Disposable | null = null;
  #isFlushing = false;
  #isDirect = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while the update being dispatched is the only one of this turn: its receivers may write it at once. */
  get isDirect(): boolean {
    return this.#isDirect;
  }

  dispatchLater(dispatchable: Dispatchable): void {
    this.#dispatchables.push(dispatchable);
    this.#schedule();
  }

  flushLater(flushable: Flushable): void {
    this.#flushables.push(flushable);
    if (!this.#isFlushing) this.#schedule();
  }

  /** Dispatches and flushes now. Whatever that causes waits for the next turn. */
  flushNow(): void {
    if (this.#isFlushing || this.#timer === null) return;
    this[Symbol.dispose]();
    this.#isFlushing = true;
    const dispatchables = this.#dispatchables;
    this.#dispatchables = [];
    this.#isDirect = dispatchables.length === 1 && this.#flushables.length === 0;
    for (const each of dispatchables) each.dispatch();
    this.#isDirect = false;
    const flushables = this.#flushables;
    this.#flushables = [];
    for (const each of flushables) each.flush();
    this.#isFlushing = false;
    if (this.#dispatchables.length + this.#flushables.length > 0) this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer ??= this.#clock.turn(() => {
      this.flushNow();
    });
  }
}

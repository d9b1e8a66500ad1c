import type { Clock } from '../../shared/clock.ts';

export interface Flushable {
  flush(): void;
}

/** What came of one stream, for those who see it alike. */
export interface Dispatchable {
  /** Gives it to each of them. */
  dispatch(): void;
}

/**
 * Lets what arrives in one turn of the event loop leave in one write a client: when the events at hand have been handled,
 * they are handed to their subscribers, in order, and then whoever has something to write is flushed once. One for the
 * gateway; the more there is to do, the more shares a write.
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

  /** True while what is handed out is all that this turn has brought of any stream: whoever gets it may write it at once. */
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

  /** Ends it now. What the handing out brings belongs to the next one. */
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

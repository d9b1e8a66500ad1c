import type { Clock } from '../shared/clock.ts';

export interface Flushable {
  flush(): void;
}

/** What came of one stream, for those who see it alike. */
export interface Spread {
  /** Gives it to each of them. */
  hand(): void;
}

/**
 * Lets what arrives in one turn of the event loop leave in one write a client: when the events at hand have been handled,
 * they are handed to their subscribers, in order, and then whoever has something to write is flushed once. One for the
 * gateway; the more there is to do, the more shares a write.
 */
export class Turn implements Disposable {
  readonly #clock: Clock;
  #spreads: Spread[] = [];
  #waiting: Flushable[] = [];
  #timer: Disposable | null = null;
  #ending = false;
  #direct = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while what is handed out is all that this turn has brought of any stream: whoever gets it may write it at once. */
  get isDirect(): boolean {
    return this.#direct;
  }

  spread(spread: Spread): void {
    this.#spreads.push(spread);
    this.#schedule();
  }

  flushAtEnd(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (!this.#ending) this.#schedule();
  }

  /** Ends it now. What the handing out brings belongs to the next one. */
  end(): void {
    if (this.#ending || this.#timer === null) return;
    this[Symbol.dispose]();
    this.#ending = true;
    const spreads = this.#spreads;
    this.#spreads = [];
    this.#direct = spreads.length === 1 && this.#waiting.length === 0;
    for (const spread of spreads) spread.hand();
    this.#direct = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.flush();
    this.#ending = false;
    if (this.#spreads.length + this.#waiting.length > 0) this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer ??= this.#clock.turn(() => {
      this.end();
    });
  }
}

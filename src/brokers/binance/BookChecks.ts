import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';

/** A book that can be compared with the venue's own. */
export interface CheckedBook {
  /** Resolves when it has been compared, or can't be at present; never rejects. */
  check(): Promise<void>;
}

export interface BookChecksOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The venue wants no requests just now. */
  readonly isPaused: () => boolean;
}

/** How often each book is compared, unless there are too many. */
const PERIOD_MS = 60_000;
/** Two comparisons are at least about this far apart: with a weight of 5 each they use a fortieth of the venue's limit. */
const SHORTEST_MS = 2_000;

/**
 * Has the wanted books compared with the venue's own, one at a time and in turn: each about once a minute if they are
 * up to thirty, and at times that depend on chance. Owned by BinanceBroker.
 */
export class BookChecks implements Disposable {
  readonly #options: BookChecksOptions;
  #books: ReadonlySet<CheckedBook> = new Set();
  /** In the order in which their turns come; those that are no longer wanted are skipped. */
  #turns: CheckedBook[] = [];
  #timer: Disposable | null = null;
  #isChecking = false;

  constructor(options: BookChecksOptions) {
    this.#options = options;
  }

  /** Replaces the set of books. */
  want(books: ReadonlySet<CheckedBook>): void {
    this.#books = books;
    this.#turns = this.#turns.filter((book) => books.has(book));
    if (books.size === 0) this[Symbol.dispose]();
    else if (!this.#isChecking) this.#arm();
  }

  [Symbol.dispose](): void {
    this.#books = new Set();
    this.#turns = [];
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #arm(): void {
    if (this.#timer !== null || this.#books.size === 0) return;
    const { clock, random } = this.#options;
    const periodMs = Math.max(PERIOD_MS / this.#books.size, SHORTEST_MS);
    this.#timer = clock.after(periodMs * (0.5 + random()), () => {
      this.#timer = null;
      void this.#checkNext();
    });
  }

  async #checkNext(): Promise<void> {
    if (this.#turns.length === 0) this.#turns = [...this.#books];
    const book = this.#options.isPaused() ? undefined : this.#turns.shift();
    this.#isChecking = true;
    await book?.check();
    this.#isChecking = false;
    this.#arm();
  }
}

import type { Logger } from '../../shared/logger.ts';

export interface NameReviewOptions {
  readonly ask: AskQuotes;
  readonly logger: Logger;
  /** A review has ended; the answers of `has` may have changed. */
  readonly onReviewed: () => void;
}

/**
 * Finds the instruments that the venue lists and yet does not stream. It refuses a stream if one of them is in it, so
 * they are left out. Owned by OandaBroker.
 */
export class NameReview {
  readonly #options: NameReviewOptions;
  readonly #refused = new Set<string>();
  #running: Promise<void> | null = null;

  constructor(options: NameReviewOptions) {
    this.#options = options;
  }

  /** Resolves when no review is under way. */
  get done(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  has(name: string): boolean {
    return this.#refused.has(name);
  }

  /** Forgets what was found: the venue may stream them by now. */
  forget(): void {
    this.#refused.clear();
  }

  /**
   * Begins a review of these instruments, of which a stream was refused. Does nothing if one is under way: the next
   * stream will be refused, and reviewed, in its turn.
   */
  begin(names: ReadonlySet<string>): void {
    this.#running ??= this.#review([...names]);
  }

  async #review(names: readonly string[]): Promise<void> {
    const { ask, logger, onReviewed } = this.#options;
    try {
      for (const name of await findRefused(names, ask)) this.#refused.add(name);
      onReviewed();
    } catch (error) {
      logger.warn({ err: error }, 'instruments are not reviewed');
    } finally {
      this.#running = null;
    }
  }
}

/** Answers whether the venue quotes all of these. */
export type AskQuotes = (symbols: readonly string[]) => Promise<boolean>;

/**
 * Finds the symbols that the venue does not quote, though it lists them. One of them makes it refuse a whole request,
 * so refused lists are halved until each bad symbol is alone.
 */
export async function findRefused(symbols: readonly string[], ask: AskQuotes): Promise<readonly string[]> {
  if (symbols.length === 0 || (await ask(symbols))) return [];
  if (symbols.length === 1) return symbols;
  const middle = Math.ceil(symbols.length / 2);
  return [...(await findRefused(symbols.slice(0, middle), ask)), ...(await findRefused(symbols.slice(middle), ask))];
}

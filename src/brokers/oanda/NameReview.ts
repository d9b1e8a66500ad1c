import type { Logger } from '../../shared/logger.ts';
import { findRefused } from './findRefused.ts';
import type { AskQuotes } from './findRefused.ts';

export interface NameReviewOptions {
  readonly ask: AskQuotes;
  readonly logger: Logger;
  /** A review has ended; `has` may say otherwise than before. */
  readonly onReviewed: () => void;
}

/**
 * Which instruments the venue lists and refuses all the same: one of them, and it refuses a whole stream. They are left out
 * for the others' sake. Owned by OandaBroker.
 */
export class NameReview {
  readonly #options: NameReviewOptions;
  readonly #refused = new Set<string>();
  #running: Promise<void> | null = null;

  constructor(options: NameReviewOptions) {
    this.#options = options;
  }

  /** Resolves when no review is on its way. */
  get done(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  has(name: string): boolean {
    return this.#refused.has(name);
  }

  /** They may be good by now. */
  forget(): void {
    this.#refused.clear();
  }

  /** A stream of these was refused. One review at a time: what it leaves is refused again, and reviewed again. */
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

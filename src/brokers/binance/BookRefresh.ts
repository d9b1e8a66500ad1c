import type { Clock } from '../../shared/clock.ts';
import type { DepthSnapshot } from './restMapping.ts';

export interface BookRefreshOptions {
  readonly clock: Clock;
  readonly fetch: (signal: AbortSignal) => Promise<DepthSnapshot>;
  /** The last update that was published: an older snapshot would take something back. */
  readonly publishedId: number;
  /** Once, unless the refresh was disposed of before; null: the venue gave nothing of use in time. */
  readonly onEnd: (snapshot: DepthSnapshot | null) => void;
}

/** What is held back meanwhile shall not wait for long. */
const PATIENCE_MS = 5_000;

/** Asks for a book anew while it is in step. Whoever constructs it holds changes back in it, and owns it until its end. */
export class BookRefresh<Diff> implements Disposable {
  readonly #options: BookRefreshOptions;
  readonly #abort = new AbortController();
  readonly #timer: Disposable;
  readonly #held: Diff[] = [];
  #disposed = false;

  constructor(options: BookRefreshOptions) {
    this.#options = options;
    this.#timer = options.clock.after(PATIENCE_MS, () => {
      this.#abort.abort();
    });
    void this.#run();
  }

  get held(): readonly Diff[] {
    return this.#held;
  }

  hold(diff: Diff): void {
    this.#held.push(diff);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer[Symbol.dispose]();
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { fetch, publishedId, onEnd } = this.#options;
    // Nothing is lost with a refresh that fails: the next one comes.
    const snapshot = await fetch(this.#abort.signal).catch(() => null);
    if (this.#disposed) return;
    this.#timer[Symbol.dispose]();
    onEnd(snapshot === null || snapshot.lastUpdateId < publishedId ? null : snapshot);
  }
}

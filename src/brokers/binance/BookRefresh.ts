import type { Clock } from '../../shared/clock.ts';
import type { DepthSnapshot } from './restReplies.ts';

export interface BookRefreshOptions {
  readonly clock: Clock;
  readonly fetch: (signal: AbortSignal) => Promise<DepthSnapshot>;
  /** The last update that was published: an older snapshot would undo a change. */
  readonly publishedId: number;
  /** Called once, unless the refresh is disposed of before; null if the venue gave nothing useful in time. */
  readonly onEnd: (snapshot: DepthSnapshot | null) => void;
}

/** Changes are held back for no longer than this. */
const REFRESH_PATIENCE_MS = 5_000;

/**
 * Fetches a book again while it is in step. Its creator holds changes back in it meanwhile, and owns it until `onEnd`.
 */
export class BookRefresh<Diff> implements Disposable {
  readonly #options: BookRefreshOptions;
  readonly #abort = new AbortController();
  readonly #timer: Disposable;
  readonly #held: Diff[] = [];
  #disposed = false;

  constructor(options: BookRefreshOptions) {
    this.#options = options;
    this.#timer = options.clock.after(REFRESH_PATIENCE_MS, () => {
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
    // A refresh that fails loses nothing: there will be another.
    const snapshot = await fetch(this.#abort.signal).catch(() => null);
    if (this.#disposed) return;
    this.#timer[Symbol.dispose]();
    onEnd(snapshot === null || snapshot.lastUpdateId < publishedId ? null : snapshot);
  }
}

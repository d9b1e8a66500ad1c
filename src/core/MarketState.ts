import type { MarketData, StreamKey } from '../market/marketData.ts';
import { StreamState } from './StreamState.ts';

/** What is known of every stream that is alive. */
export class MarketState {
  readonly #streams = new Map<StreamKey, StreamState>();

  get size(): number {
    return this.#streams.size;
  }

  /** A stream begins: nothing is known of it. Whoever opens it closes it. */
  open(key: StreamKey): StreamState {
    const state = new StreamState();
    this.#streams.set(key, state);
    return state;
  }

  close(key: StreamKey, state: StreamState): void {
    // One that has taken its place stays.
    if (this.#streams.get(key) === state) this.#streams.delete(key);
  }

  latest(key: StreamKey): MarketData | null {
    return this.#streams.get(key)?.latest ?? null;
  }

  /** The book of a stream and the last event that went into it; null while it is not in step with the venue. */
  book(key: StreamKey): StreamState['knownBook'] {
    return this.#streams.get(key)?.knownBook ?? null;
  }
}

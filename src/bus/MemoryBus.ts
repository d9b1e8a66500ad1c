import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import type { EventBus } from './EventBus.ts';

type Listener = (key: StreamKey, event: MarketData) => void;

/** The bus of a gateway that stands alone: a function call. */
export class MemoryBus implements EventBus {
  readonly #listeners = new Set<Listener>();

  publish(key: StreamKey, event: MarketData): void {
    for (const listener of this.#listeners) listener(key, event);
  }

  subscribe(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }
}

import type { StreamKey } from '../market/marketData.ts';
import type { Channel, EventBus } from './EventBus.ts';

const NOWHERE: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};

const nowhere = (): Channel => NOWHERE;

/** The bus of a gateway that stands alone: the way in is the way out. */
export class MemoryBus implements EventBus {
  #receive: (key: StreamKey) => Channel = nowhere;

  open(key: StreamKey): Channel {
    return this.#receive(key);
  }

  subscribe(receive: (key: StreamKey) => Channel): Disposable {
    this.#receive = receive;
    return {
      [Symbol.dispose]: () => {
        if (this.#receive === receive) this.#receive = nowhere;
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#receive = nowhere;
    return Promise.resolve();
  }
}

import type { StreamKey } from '../market/streamKey.ts';
import type { Channel, EventBus } from './EventBus.ts';

const NOWHERE: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** The bus of a gateway that stands alone: the way in is the way out. */
export class MemoryBus implements EventBus {
  #receive: (key: StreamKey) => Channel = () => NOWHERE;

  open(key: StreamKey): Channel {
    return this.#receive(key);
  }

  subscribe(receive: (key: StreamKey) => Channel): Disposable {
    this.#receive = receive;
    return {
      [Symbol.dispose]: () => {
        if (this.#receive === receive) this.#receive = () => NOWHERE;
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#receive = () => NOWHERE;
    return Promise.resolve();
  }
}

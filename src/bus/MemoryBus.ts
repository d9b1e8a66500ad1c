import type { StreamStart } from '../market/cursor.ts';
import type { StreamKey } from '../market/marketData.ts';
import type { Channel, EventBus, ReceiveStream } from './EventBus.ts';

const DISCARD: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};

const discard = (): Channel => DISCARD;

/** The bus of a single gateway process: what is published goes straight to the receiver. */
export class MemoryBus implements EventBus {
  #receive: ReceiveStream = discard;

  open(key: StreamKey, start: StreamStart): Channel {
    return this.#receive(key, start);
  }

  subscribe(receive: ReceiveStream): Disposable {
    this.#receive = receive;
    return {
      [Symbol.dispose]: () => {
        if (this.#receive === receive) this.#receive = discard;
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#receive = discard;
    return Promise.resolve();
  }
}

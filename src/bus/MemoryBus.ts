import type { StreamStart } from '../market/cursor.ts';
import type { StreamKey } from '../market/marketData.ts';
import type { BusHealth, Channel, EventBus, StreamReceiver } from './EventBus.ts';

const DISCARD: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** Receives nothing. */
export const NO_RECEIVER: StreamReceiver = { receive: () => DISCARD, known: () => [] };

/** The bus of a single gateway process: what is published goes straight to the receiver. */
export class MemoryBus implements EventBus {
  readonly fleet = null;
  readonly health: BusHealth = { engine: 'memory', state: 'ok', reason: null };
  #receiver = NO_RECEIVER;

  open(key: StreamKey, start: StreamStart): Channel {
    return this.#receiver.receive(key, start, []);
  }

  subscribe(receiver: StreamReceiver): Disposable {
    this.#receiver = receiver;
    return {
      [Symbol.dispose]: () => {
        if (this.#receiver === receiver) this.#receiver = NO_RECEIVER;
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#receiver = NO_RECEIVER;
    return Promise.resolve();
  }
}

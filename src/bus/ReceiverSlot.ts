import type { Channel, StreamReceiver } from './EventBus.ts';

const DISCARD: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** Receives nothing. */
const NO_RECEIVER: StreamReceiver = { receive: () => DISCARD, known: () => [] };

/** Holds the one receiver of a bus. While there is none, everything is discarded. */
export class ReceiverSlot {
  #receiver = NO_RECEIVER;

  get current(): StreamReceiver {
    return this.#receiver;
  }

  /** See EventBus.subscribe. */
  fill(receiver: StreamReceiver): Disposable {
    this.#receiver = receiver;
    return {
      [Symbol.dispose]: () => {
        if (this.#receiver === receiver) this.clear();
      },
    };
  }

  clear(): void {
    this.#receiver = NO_RECEIVER;
  }
}

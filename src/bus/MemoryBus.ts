import type { StreamStart } from '../market/cursor.ts';
import type { StreamKey } from '../market/marketData.ts';
import type { BusHealth, Channel, EventBus, StreamReceiver } from './EventBus.ts';
import { ReceiverSlot } from './ReceiverSlot.ts';

/** The bus of a single gateway process: what is published goes straight to the receiver. */
export class MemoryBus implements EventBus {
  readonly fleet = null;
  readonly health: BusHealth = { engine: 'memory', state: 'ok', reason: null };
  readonly #receiver = new ReceiverSlot();

  open(key: StreamKey, start: StreamStart): Channel {
    return this.#receiver.current.receive(key, start, []);
  }

  subscribe(receiver: StreamReceiver): Disposable {
    return this.#receiver.fill(receiver);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#receiver.clear();
    return Promise.resolve();
  }
}

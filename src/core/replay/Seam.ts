import type { SharedEvent, SharedUpdate } from '../../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../../fanout/routing/Topic.ts';
import type { MarketData } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import { placeOf } from './KeptEvents.ts';

/** The last event that a subscriber has, by the venue's own order. */
export interface LastPlace {
  readonly place: number;
  readonly timeMs: number;
}

/**
 * Leaves out of a live stream what the subscriber has been sent from the venue's history: the stream may deliver it a
 * moment later.
 */
export class Seam implements Subscriber {
  readonly #receiver: Subscriber;
  /** Null once the stream is beyond it. */
  #last: LastPlace | null;
  readonly #onNumberedAnew: (event: MarketData) => void;

  /** `onNumberedAnew`: called before the first event if the venue numbers anew, so that others may be missing. */
  constructor(receiver: Subscriber, last: LastPlace | null, onNumberedAnew: (event: MarketData) => void) {
    this.#receiver = receiver;
    this.#last = last;
    this.#onNumberedAnew = onNumberedAnew;
  }

  deliver(update: SharedUpdate): void {
    if (this.#last === null) {
      this.#receiver.deliver(update);
      return;
    }
    for (const sharedEvent of update.events) this.#pass(sharedEvent);
  }

  #pass(sharedEvent: SharedEvent): void {
    const { event } = sharedEvent;
    const last = this.#last;
    if (last !== null && placeOf(event) <= last.place) {
      if (event.type !== 'trade' || toEpochMs(event.time) <= last.timeMs) return;
      this.#onNumberedAnew(event);
    }
    this.#last = null;
    this.#receiver.deliver(sharedEvent);
  }
}

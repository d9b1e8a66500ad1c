import type { SharedUpdate } from '../../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../../fanout/routing/Topic.ts';
import type { MarketData } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import { placeOf } from './ReplayLog.ts';

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

  constructor(receiver: Subscriber, last: LastPlace | null) {
    this.#receiver = receiver;
    this.#last = last;
  }

  deliver(update: SharedUpdate): void {
    if (this.#last === null) {
      this.#receiver.deliver(update);
      return;
    }
    for (const sharedEvent of update.events) {
      if (this.#last !== null && isCovered(sharedEvent.event, this.#last)) continue;
      this.#last = null;
      this.#receiver.deliver(sharedEvent);
    }
  }
}

/** A trade that is later than the last one is another, whatever its id: the venue may number anew. */
export function isCovered(event: MarketData, { place, timeMs }: LastPlace): boolean {
  return placeOf(event) <= place && (event.type !== 'trade' || toEpochMs(event.time) <= timeMs);
}

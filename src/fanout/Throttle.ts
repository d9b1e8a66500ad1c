import type { StreamKey } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import type { Subscriber } from './Audience.ts';
import { Emission } from './Emission.ts';
import type { Delivery } from './Emission.ts';
import { mergeDeltas } from './mergeDeltas.ts';

export interface ThrottleOptions {
  readonly subscriber: Subscriber;
  readonly throttleMs: number;
  readonly clock: Clock;
}

/** One stream's place in the rhythm: between two events `throttleMs` pass; `held` is the newest that waits. */
interface Beat {
  held: Emission | null;
  timer: Disposable;
}

/**
 * A client's own wish for fewer events: at most one each `throttleMs` of each stream, always the latest, and the last one
 * always arrives (trailing edge). Trades and status pass untouched; a book's deltas are merged into one that does the same.
 */
export class Throttle implements Subscriber, Disposable {
  readonly #options: ThrottleOptions;
  readonly #beats = new Map<StreamKey, Beat>();
  #closed = false;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  deliver(delivery: Delivery): void {
    for (const emission of delivery.emissions) {
      if (this.#closed) return;
      this.#deliver(emission);
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const beat of this.#beats.values()) beat.timer[Symbol.dispose]();
    this.#beats.clear();
  }

  #deliver(emission: Emission): void {
    const { type } = emission.event;
    if (type === 'trade' || type === 'status') {
      this.#options.subscriber.deliver(emission);
      return;
    }
    const beat = this.#beats.get(emission.key);
    if (beat === undefined) this.#pass(emission);
    else beat.held = beat.held === null ? emission : combined(beat.held, emission);
  }

  #pass(emission: Emission): void {
    const { clock, throttleMs, subscriber } = this.#options;
    const timer = clock.after(throttleMs, () => {
      this.#due(emission.key);
    });
    this.#beats.set(emission.key, { held: null, timer });
    subscriber.deliver(emission);
  }

  #due(key: StreamKey): void {
    const held = this.#beats.get(key)?.held ?? null;
    this.#beats.delete(key);
    if (held !== null) this.#pass(held);
  }
}

function combined(held: Emission, next: Emission): Emission {
  if (!next.isDelta || next.event.type !== 'orderbook' || held.event.type !== 'orderbook') return next;
  // A snapshot that waits takes the changes in: what leaves is then the whole book with the last of them.
  if (!held.isDelta) return next.whole();
  return new Emission(next.key, mergeDeltas(held.event, next.event), { whole: next.book });
}

import type { StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Subscriber } from './Topic.ts';
import { SharedEvent } from '../frames/SharedEvent.ts';
import type { SharedUpdate } from '../frames/SharedEvent.ts';
import { mergeDeltas } from './BookView.ts';

export interface ThrottleOptions {
  readonly subscriber: Subscriber;
  readonly throttleMs: number;
  readonly clock: Clock;
  /** False if the last value of the stream was withdrawn. */
  readonly isCurrent: (key: StreamKey) => boolean;
}

/** The state of one stream between two events; `held` is the newest event that waits for the timer. */
interface Beat {
  held: SharedEvent | null;
  timer: Disposable;
}

/**
 * Limits a subscriber to one event each `throttleMs` for each stream. It is always the latest, and the last one always
 * arrives, unless it was withdrawn meanwhile. Trades and statuses are never held back. Deltas of a book are merged into
 * one that has the same effect.
 */
export class Throttle implements Subscriber, Disposable {
  readonly #options: ThrottleOptions;
  readonly #beats = new Map<StreamKey, Beat>();
  #closed = false;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  deliver(update: SharedUpdate): void {
    for (const sharedEvent of update.events) {
      if (this.#closed) return;
      this.#deliver(sharedEvent);
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const beat of this.#beats.values()) beat.timer[Symbol.dispose]();
    this.#beats.clear();
  }

  #deliver(sharedEvent: SharedEvent): void {
    const { type } = sharedEvent.event;
    if (type === 'trade' || type === 'status') {
      this.#options.subscriber.deliver(sharedEvent);
      return;
    }
    const beat = this.#beats.get(sharedEvent.key);
    if (beat === undefined) this.#pass(sharedEvent);
    else beat.held = beat.held === null ? sharedEvent : combined(beat.held, sharedEvent);
  }

  #pass(sharedEvent: SharedEvent): void {
    const { clock, throttleMs, subscriber } = this.#options;
    const timer = clock.after(throttleMs, () => {
      this.#due(sharedEvent.key);
    });
    this.#beats.set(sharedEvent.key, { held: null, timer });
    subscriber.deliver(sharedEvent);
  }

  #due(key: StreamKey): void {
    const held = this.#beats.get(key)?.held ?? null;
    this.#beats.delete(key);
    if (held !== null && this.#options.isCurrent(key)) this.#pass(held);
  }
}

function combined(held: SharedEvent, next: SharedEvent): SharedEvent {
  if (!next.isDelta || next.event.type !== 'orderbook' || held.event.type !== 'orderbook') return next;
  // A snapshot that waits takes in the changes: the whole book leaves, with the last of them.
  if (!held.isDelta) return next.whole();
  return new SharedEvent(next.key, mergeDeltas(held.event, next.event), { whole: next.book });
}

import { bytesOfEvent, levelsOf } from '../frames/SharedEvent.ts';
import type { SharedEvent } from '../frames/SharedEvent.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';
import { assertNever } from '../../shared/errors.ts';

/** The bytes that one connection may have waiting, in all its queues together. */
export class ByteBudget {
  /** May be lowered below what is already taken. */
  limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** Returns false, and takes nothing, if that would exceed the limit. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes bytes even above the limit. For what is bounded in another way. */
  takeAnyway(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}

interface Waiting<Target> {
  sharedEvent: SharedEvent;
  readonly target: Target;
  readonly bytes: number;
}

export interface PendingEventsOptions {
  readonly budget: ByteBudget;
  /** Called for each event that a newer one replaced. */
  readonly onConflated: (type: MarketData['type']) => void;
}

/**
 * The events that a subscriber has not taken yet, under the one policy for slow clients. While little waits, everything
 * is kept: a burst within one turn is not slowness. Above half of the connection's budget, only the newest tick, candle
 * or book of each stream is kept, in the place of the last one that waited; deltas of a book collapse into the whole
 * book. Every trade and status is kept, up to the budget. The newest value of a stream is kept even above the budget:
 * there is one for each stream, and it is mostly shared with other clients. `Target` is the subscription that an event
 * is for; an event replaces only events for the same target.
 */
export class PendingEvents<Target = null> {
  readonly #options: PendingEventsOptions;
  readonly #queue: Set<Waiting<Target>> = new Set();
  /** For each target and each stream that may be conflated: the newest event that waits. */
  readonly #last = new Map<Target, Map<StreamKey, Waiting<Target>>>();

  /** How many events that may be conflated wait before the newest of their stream. */
  #older = 0;

  constructor(options: PendingEventsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#queue.size;
  }

  /**
   * Returns false, and does not keep the event, if the budget is used up: the subscriber is too slow. `expansion` is
   * the encoder's.
   */
  push(sharedEvent: SharedEvent, target: Target, expansion = 1): boolean {
    const { budget } = this.#options;
    const last = this.#lastOf(sharedEvent.key, target);
    if (last !== undefined && this.#isBehind) {
      this.#supersede(last, sharedEvent);
      return true;
    }
    const bytes = Math.ceil(approximateBytes(sharedEvent) * expansion);
    if (!budget.take(bytes)) {
      this.#collapse();
      if (!budget.take(bytes)) {
        if (isKept(sharedEvent.event.type)) return false;
        if (last !== undefined) {
          this.#supersede(last, sharedEvent);
          return true;
        }
        budget.takeAnyway(bytes);
        this.#add({ sharedEvent: sharedEvent.bare(), target, bytes });
        return true;
      }
    }
    this.#add({ sharedEvent, target, bytes });
    return true;
  }

  shift(): { readonly sharedEvent: SharedEvent; readonly target: Target } | undefined {
    const [first] = this.#queue;
    if (first === undefined) return undefined;
    this.#remove(first);
    return first;
  }

  /** Drops the events for which `isGone` is true. */
  forget(isGone: (waiting: { readonly sharedEvent: SharedEvent; readonly target: Target }) => boolean): void {
    for (const waiting of this.#queue) if (isGone(waiting)) this.#remove(waiting);
  }

  clear(): void {
    for (const waiting of this.#queue) this.#remove(waiting);
  }

  get #isBehind(): boolean {
    const { used, limit } = this.#options.budget;
    return used > limit / 2;
  }

  #lastOf(key: StreamKey, target: Target): Waiting<Target> | undefined {
    return this.#last.get(target)?.get(key);
  }

  /** The newer event takes the place of the one that waits. */
  #supersede(waiting: Waiting<Target>, sharedEvent: SharedEvent): void {
    this.#options.onConflated(sharedEvent.event.type);
    waiting.sharedEvent = sharedEvent.whole().bare();
  }

  /** Keeps only the newest of each stream that may be conflated. */
  #collapse(): void {
    if (this.#older === 0) return;
    for (const waiting of this.#queue) {
      const { sharedEvent, target } = waiting;
      const last = this.#lastOf(sharedEvent.key, target);
      if (last === undefined || last === waiting) continue;
      this.#options.onConflated(sharedEvent.event.type);
      last.sharedEvent = last.sharedEvent.whole();
      this.#remove(waiting);
    }
  }

  #add(waiting: Waiting<Target>): void {
    const { sharedEvent, target } = waiting;
    this.#queue.add(waiting);
    if (isKept(sharedEvent.event.type)) return;
    const streams = this.#last.get(target) ?? new Map<StreamKey, Waiting<Target>>();
    if (streams.has(sharedEvent.key)) this.#older += 1;
    this.#last.set(target, streams.set(sharedEvent.key, waiting));
  }

  #remove(waiting: Waiting<Target>): void {
    const { sharedEvent, target, bytes } = waiting;
    this.#queue.delete(waiting);
    this.#options.budget.release(bytes);
    if (isKept(sharedEvent.event.type)) return;
    const streams = this.#last.get(target);
    if (streams?.get(sharedEvent.key) !== waiting) {
      this.#older -= 1;
      return;
    }
    streams.delete(sharedEvent.key);
    if (streams.size === 0) this.#last.delete(target);
  }
}

/** Every trade and status is news; of the others the newest is enough. */
function isKept(type: MarketData['type']): boolean {
  switch (type) {
    case 'trade':
    case 'status':
      return true;
    case 'tick':
    case 'candle':
    case 'orderbook':
      return false;
    default:
      return assertNever(type);
  }
}

/** The memory that an event takes while it waits. The levels of the whole book behind a delta are mostly shared. */
function approximateBytes({ event, book }: SharedEvent): number {
  return bytesOfEvent(event) + 8 * levelsOf(book);
}

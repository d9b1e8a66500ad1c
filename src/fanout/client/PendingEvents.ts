import type { SharedEvent } from '../frames/SharedEvent.ts';
import type { MarketData, OrderBookUpdate } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';
import { assertNever } from '../../shared/assertNever.ts';

/** What one connection may have waiting, over all its queues together. */
export class ByteBudget {
  /** May be changed: what is taken already stays taken. */
  limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing taken, where that would go over the limit. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Over the limit too: of what is bounded otherwise. */
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
  /** Called for each event that a newer one took the place of. */
  readonly onConflated: (type: MarketData['type']) => void;
}

/**
 * The events that a subscriber has not taken yet, under the one policy for slow consumers (contract, section 6.3). While
 * little waits everything is kept: a burst within one turn is no slowness. Over half of the connection's byte budget, of
 * ticks, candles and books only the newest of each stream is kept, in the place of the last that waited; a book's deltas
 * collapse into the whole book. Trades and status wait, each of them, up to the budget. The newest of a stream is kept even
 * over it: one for each stream, which is mostly shared with everybody else. `Target` is how an event is to leave; only events of
 * one way take each other's place.
 */
export class PendingEvents<Target = null> {
  readonly #options: PendingEventsOptions;
  readonly #queue: Set<Waiting<Target>> = new Set();
  /** Of each stream that may be conflated, what waits last to leave each way. */
  readonly #last = new Map<Target, Map<StreamKey, Waiting<Target>>>();

  /** Of those, what waits before the last. */
  #older = 0;

  constructor(options: PendingEventsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#queue.size;
  }

  /**
   * False where the budget is used up: the subscriber is too slow, and the event was not kept. `expansion`: as its encoder
   * has it.
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

  /** Nothing of these leaves any more. */
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

  /** The newer event of the stream leaves in place of the one that waits. */
  #supersede(waiting: Waiting<Target>, sharedEvent: SharedEvent): void {
    this.#options.onConflated(sharedEvent.event.type);
    waiting.sharedEvent = sharedEvent.whole().bare();
  }

  /** Of all that piled up before it was too much, the newest of each stream is left. */
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

/** Trades and status are each of them news; of the others the newest says all. */
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

/** What an event takes while it waits. Of the whole book that a delta keeps the levels themselves are mostly others' too. */
function approximateBytes({ event, book }: SharedEvent): number {
  return bytesOfEvent(event) + 8 * levelsOf(book);
}

/** What an event takes, as itself or as ordinary text: to within a factor of two, enough for a bound. */
export function bytesOfEvent(event: MarketData): number {
  return event.type === 'orderbook' ? 300 + 60 * levelsOf(event) : 400;
}

function levelsOf(book: OrderBookUpdate | null): number {
  return book === null ? 0 : book.bids.length + book.asks.length;
}

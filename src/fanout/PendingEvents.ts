import type { MarketData, OrderBookUpdate, StreamKey } from '../market/marketData.ts';
import { assertNever } from '../shared/errors.ts';
import type { ByteBudget } from './ByteBudget.ts';
import type { Emission } from './Emission.ts';

interface Waiting<Way> {
  emission: Emission;
  readonly way: Way;
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
 * over it: one for each stream, which is mostly shared with everybody else. `Way` is how an event is to leave; only events of
 * one way take each other's place.
 */
export class PendingEvents<Way = null> {
  readonly #options: PendingEventsOptions;
  readonly #queue: Set<Waiting<Way>> = new Set();
  /** Of each stream that may be conflated, what waits last to leave each way. */
  readonly #last = new Map<Way, Map<StreamKey, Waiting<Way>>>();

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
  push(emission: Emission, way: Way, expansion = 1): boolean {
    const { budget } = this.#options;
    const last = this.#lastOf(emission.key, way);
    if (last !== undefined && this.#isBehind) {
      this.#supersede(last, emission);
      return true;
    }
    const bytes = Math.ceil(approximateBytes(emission) * expansion);
    if (!budget.take(bytes)) {
      this.#collapse();
      if (!budget.take(bytes)) {
        if (isKept(emission.event.type)) return false;
        if (last !== undefined) {
          this.#supersede(last, emission);
          return true;
        }
        budget.takeAnyway(bytes);
        this.#add({ emission: emission.bare(), way, bytes });
        return true;
      }
    }
    this.#add({ emission, way, bytes });
    return true;
  }

  shift(): { readonly emission: Emission; readonly way: Way } | undefined {
    const [first] = this.#queue;
    if (first === undefined) return undefined;
    this.#remove(first);
    return first;
  }

  /** Nothing of these leaves any more. */
  forget(isGone: (waiting: { readonly emission: Emission; readonly way: Way }) => boolean): void {
    for (const waiting of this.#queue) if (isGone(waiting)) this.#remove(waiting);
  }

  clear(): void {
    for (const waiting of this.#queue) this.#remove(waiting);
  }

  get #isBehind(): boolean {
    const { used, limit } = this.#options.budget;
    return used > limit / 2;
  }

  #lastOf(key: StreamKey, way: Way): Waiting<Way> | undefined {
    return this.#last.get(way)?.get(key);
  }

  /** The newer event of the stream leaves in place of the one that waits. */
  #supersede(waiting: Waiting<Way>, emission: Emission): void {
    this.#options.onConflated(emission.event.type);
    waiting.emission = emission.whole().bare();
  }

  /** Of all that piled up before it was too much, the newest of each stream is left. */
  #collapse(): void {
    if (this.#older === 0) return;
    for (const waiting of this.#queue) {
      const { emission, way } = waiting;
      const last = this.#lastOf(emission.key, way);
      if (last === undefined || last === waiting) continue;
      this.#options.onConflated(emission.event.type);
      last.emission = last.emission.whole();
      this.#remove(waiting);
    }
  }

  #add(waiting: Waiting<Way>): void {
    const { emission, way } = waiting;
    this.#queue.add(waiting);
    if (isKept(emission.event.type)) return;
    const streams = this.#last.get(way) ?? new Map<StreamKey, Waiting<Way>>();
    if (streams.has(emission.key)) this.#older += 1;
    this.#last.set(way, streams.set(emission.key, waiting));
  }

  #remove(waiting: Waiting<Way>): void {
    const { emission, way, bytes } = waiting;
    this.#queue.delete(waiting);
    this.#options.budget.release(bytes);
    if (isKept(emission.event.type)) return;
    const streams = this.#last.get(way);
    if (streams?.get(emission.key) !== waiting) {
      this.#older -= 1;
      return;
    }
    streams.delete(emission.key);
    if (streams.size === 0) this.#last.delete(way);
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
function approximateBytes({ event, book }: Emission): number {
  return bytesOfEvent(event) + 8 * levelsOf(book);
}

/** What an event takes, as itself or as ordinary text: to within a factor of two, enough for a bound. */
export function bytesOfEvent(event: MarketData): number {
  return event.type === 'orderbook' ? 300 + 60 * levelsOf(event) : 400;
}

function levelsOf(book: OrderBookUpdate | null): number {
  return book === null ? 0 : book.bids.length + book.asks.length;
}

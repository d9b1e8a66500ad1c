import type { TradeDraft } from '../../market/marketData.ts';

/** A trade with the venue's number of it. */
export interface NumberedTrade {
  readonly venueId: number;
  readonly trade: TradeDraft;
}

/**
 * The caller has to do this with a trade: `publish` it now, and then the trades that `drain` returns; or `drop` it,
 * because it was published before. With `hold` it waits for earlier ones; with `overflow` it waits too, and too many
 * do.
 */
export type TradeVerdict = 'publish' | 'drop' | 'hold' | 'overflow';

/** Trades that never came, by the venue's numbers, both included. */
export interface TradeHole {
  readonly fromId: number;
  readonly toId: number;
  /** The trade that follows. */
  readonly next: TradeDraft;
}

/**
 * Puts trades in the order of the venue's consecutive ids, each once, from two connections and the venue's history.
 * Trades behind a hole wait until it is filled or given up.
 */
export class TradeSequencer {
  readonly #maxHeld: number;
  #lastId: number | null = null;
  /** What is behind this trade must not be missing. */
  #known = Number.POSITIVE_INFINITY;
  /** Ascending by id, all above `#lastId + 1`. */
  #held: NumberedTrade[] = [];

  constructor({ maxHeld }: { readonly maxHeld: number }) {
    this.#maxHeld = maxHeld;
  }

  /** The last one published; null before the first. */
  get lastId(): number | null {
    return this.#lastId;
  }

  /** True while something waits for what is missing before it. */
  get hasHole(): boolean {
    return this.#held.length > 0;
  }

  /** Nothing is to be missing between this trade and the first one. Does nothing once there was one. */
  expectBehind(id: number): void {
    this.#known = Math.min(id, this.#known);
  }

  push(venueId: number, trade: TradeDraft): TradeVerdict {
    if (this.#lastId === null && venueId > this.#known + 1) this.#lastId = this.#known;
    if (this.#lastId === null || venueId === this.#lastId + 1) {
      this.#lastId = venueId;
      return 'publish';
    }
    if (venueId <= this.#lastId) return 'drop';
    return this.#hold({ venueId, trade });
  }

  /** Removes and returns the trades that follow the last published one without a hole, in order. */
  drain(): NumberedTrade[] {
    let count = 0;
    for (const { venueId } of this.#held) {
      if (this.#lastId !== null && venueId > this.#lastId + 1) break;
      this.#lastId = venueId;
      count += 1;
    }
    return count === 0 ? [] : this.#held.splice(0, count);
  }

  /** Gives up the first hole: `drain` then goes on behind it. Null if there is none. */
  skipHole(): TradeHole | null {
    const first = this.#held[0];
    if (first === undefined || this.#lastId === null) return null;
    const hole = { fromId: this.#lastId + 1, toId: first.venueId - 1, next: first.trade };
    this.#lastId = hole.toId;
    return hole;
  }

  /** Forgets everything: the next trade is the first. */
  restart(): void {
    this.#lastId = null;
    this.#known = Number.POSITIVE_INFINITY;
    this.#held = [];
  }

  #hold(trade: NumberedTrade): TradeVerdict {
    const index = this.#held.findLastIndex(({ venueId }) => venueId <= trade.venueId);
    if (this.#held[index]?.venueId === trade.venueId) return 'drop';
    this.#held.splice(index + 1, 0, trade);
    return this.#held.length > this.#maxHeld ? 'overflow' : 'hold';
  }
}

/** A message with the venue's number of it. */
export interface Numbered<Item> {
  readonly venueId: number;
  readonly item: Item;
}

/**
 * The caller has to do this with a message: `publish` it now, and then those that `drain` returns; or `drop` it,
 * because it was published before. With `hold` it waits for earlier ones; with `overflow` it waits too, and too many
 * do.
 */
export type SequencerVerdict = 'publish' | 'drop' | 'hold' | 'overflow';

/** Messages that never came, by the venue's numbers, both included. */
export interface Hole<Item> {
  readonly fromId: number;
  readonly toId: number;
  /** The message that follows. */
  readonly next: Item;
}

/**
 * Puts messages in the order of the venue's consecutive numbers, each once, from two connections and the venue's
 * history. Messages behind a hole wait until it is filled or given up.
 */
export class Sequencer<Item> {
  readonly #maxHeld: number;
  #lastId: number | null = null;
  /** No message behind this number may be missing. */
  #known = Number.POSITIVE_INFINITY;
  /** Ascending by number, all above `#lastId + 1`. */
  #held: Numbered<Item>[] = [];

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

  /** Nothing is to be missing between this number and the first one. Does nothing once there was one. */
  expectBehind(id: number): void {
    this.#known = Math.min(id, this.#known);
  }

  push(venueId: number, item: Item): SequencerVerdict {
    if (this.#lastId === null && venueId > this.#known + 1) this.#lastId = this.#known;
    if (this.#lastId === null || venueId === this.#lastId + 1) {
      this.#lastId = venueId;
      return 'publish';
    }
    if (venueId <= this.#lastId) return 'drop';
    return this.#hold({ venueId, item });
  }

  /** Removes and returns the messages that follow the last published one without a hole, in order. */
  drain(): Numbered<Item>[] {
    let count = 0;
    for (const { venueId } of this.#held) {
      if (this.#lastId !== null && venueId > this.#lastId + 1) break;
      this.#lastId = venueId;
      count += 1;
    }
    return count === 0 ? [] : this.#held.splice(0, count);
  }

  /** Gives up the first hole: `drain` then goes on behind it. Null if there is none. */
  skipHole(): Hole<Item> | null {
    const first = this.#held[0];
    if (first === undefined || this.#lastId === null) return null;
    const hole = { fromId: this.#lastId + 1, toId: first.venueId - 1, next: first.item };
    this.#lastId = hole.toId;
    return hole;
  }

  /** Forgets everything, and goes on after this number. With null the next message is the first, whatever its number. */
  restart(lastId: number | null = null): void {
    this.#lastId = lastId;
    this.#known = Number.POSITIVE_INFINITY;
    this.#held = [];
  }

  #hold(message: Numbered<Item>): SequencerVerdict {
    const index = this.#held.findLastIndex(({ venueId }) => venueId <= message.venueId);
    if (this.#held[index]?.venueId === message.venueId) return 'drop';
    this.#held.splice(index + 1, 0, message);
    return this.#held.length > this.#maxHeld ? 'overflow' : 'hold';
  }
}

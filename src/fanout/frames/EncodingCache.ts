import type { MarketData } from '../../market/marketData.ts';

/** Turns an event into the text that a group of clients shares. Its identity is the group. */
export interface Encoder {
  /** False while one client alone is in the group: nothing that it is told has to be kept for others. */
  readonly isShared: boolean;
  /** How many times larger its text of an event may be than the event itself, as far as is known. @default 1 */
  readonly expansion?: number;
  encode(event: MarketData): string;
}

/** What is made once for each encoder. */
export class EncodingCache<T> {
  /** Clients of one group follow one another: the last answer is mostly the next one too. */
  #encoder: Encoder | null = null;
  #made: T | null = null;
  /** Where there are several. */
  #all: Map<Encoder, T> | null = null;

  get(encoder: Encoder): T | null {
    if (this.#encoder === encoder) return this.#made;
    const made = this.#all?.get(encoder) ?? null;
    if (made === null) return null;
    this.#encoder = encoder;
    this.#made = made;
    return made;
  }

  add(encoder: Encoder, made: T): T {
    if (this.#encoder !== null && this.#made !== null) {
      this.#all ??= new Map([[this.#encoder, this.#made]]);
      this.#all.set(encoder, made);
    }
    this.#encoder = encoder;
    this.#made = made;
    return made;
  }
}

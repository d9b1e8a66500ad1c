import type { MarketData } from '../../market/marketData.ts';

/**
 * Turns an event into the text that a group of clients shares. Encoders are compared by identity: one encoder is one
 * group.
 */
export interface Encoder {
  /** False while the group has one client: then no encoding has to be kept for others. */
  readonly isShared: boolean;
  /** How many times larger than the event its text may be, as far as is known. @default 1 */
  readonly expansion?: number;
  encode(event: MarketData): string;
}

/** Keeps one value for each encoder. */
export class EncodingCache<T> {
  /** Clients of one encoder follow one another, so the last value is nearly always asked for next. */
  #encoder: Encoder | null = null;
  #made: T | null = null;
  /** Null while there is only one encoder. */
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

import type { MarketData } from '../market/marketData.ts';

/** Turns an event into the bytes that a group of clients shares. Its identity is the group. */
export interface Encoder {
  encode(event: MarketData): Buffer;
}

/** What is made once for each encoder, when it is asked for first. */
export class PerEncoder<T> {
  readonly #make: (encoder: Encoder) => T;
  /** Clients of one group follow one another: the last answer is mostly the next one too. */
  #last: { readonly encoder: Encoder; readonly made: T } | null = null;
  #all: Map<Encoder, T> | null = null;

  constructor(make: (encoder: Encoder) => T) {
    this.#make = make;
  }

  get(encoder: Encoder): T {
    if (this.#last !== null && this.#last.encoder === encoder) return this.#last.made;
    const made = this.#all?.get(encoder) ?? this.#make(encoder);
    if (this.#last !== null) {
      this.#all ??= new Map();
      this.#all.set(this.#last.encoder, this.#last.made).set(encoder, made);
    }
    this.#last = { encoder, made };
    return made;
  }
}

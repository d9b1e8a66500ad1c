import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import { SharedFrames } from './SharedFrames.ts';

/** Turns an event into the bytes that a group of clients shares. Its identity is the group. */
export interface Encoder {
  encode(event: MarketData): Buffer;
}

/**
 * One event as its subscribers see it (a book is already cut to their depth). Every encoding is made at most once, by
 * whoever asks first, and shared by all.
 */
export class Emission {
  readonly key: StreamKey;
  readonly event: MarketData;
  readonly #fresh: (() => Emission) | null;
  /** Clients of one group follow one another: the last answer is mostly the next one too. */
  #lastEncoder: Encoder | null = null;
  #lastFrames: SharedFrames | null = null;
  #others: Map<Encoder, SharedFrames> | null = null;

  /** `fresh` of a book's delta: gives the whole book in its place, as it is when asked. */
  constructor(key: StreamKey, event: MarketData, fresh: (() => Emission) | null = null) {
    this.key = key;
    this.event = event;
    this.#fresh = fresh;
  }

  /** True where the event means nothing without the ones before it: the delta of a book. */
  get isDelta(): boolean {
    return this.#fresh !== null;
  }

  /** The newest whole value of this stream: itself, but for a delta. */
  fresh(): Emission {
    return this.#fresh === null ? this : this.#fresh();
  }

  /** The frames of this event for the clients that this encoder serves. */
  frames(encoder: Encoder): SharedFrames {
    if (this.#lastEncoder === encoder && this.#lastFrames !== null) return this.#lastFrames;
    const frames = this.#others?.get(encoder) ?? new SharedFrames(encoder.encode(this.event));
    if (this.#lastEncoder !== null && this.#lastFrames !== null) {
      this.#others ??= new Map();
      this.#others.set(this.#lastEncoder, this.#lastFrames);
    }
    this.#lastEncoder = encoder;
    this.#lastFrames = frames;
    return frames;
  }
}

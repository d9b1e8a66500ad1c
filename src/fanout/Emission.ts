import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import { DeflateChain } from './DeflateChain.ts';
import type { CompressedMessage } from './DeflateChain.ts';
import { PerEncoder } from './PerEncoder.ts';
import type { Encoder } from './PerEncoder.ts';
import { SharedFrames } from './SharedFrames.ts';
import type { SharedPayload } from './SharedFrames.ts';

/** Events of one stream, in order, as they come to its subscribers: at least one. */
export interface Delivery {
  readonly key: StreamKey;
  readonly emissions: readonly Emission[];
  /** Their frames for the clients that this encoder serves. */
  frames(encoder: Encoder): SharedFrames;
}

export interface EmissionOptions {
  /** Of a book's delta: gives the whole book in its place, as it is when asked. */
  readonly fresh?: (() => Emission) | null;
  /** Of all who see the stream alike; null where the event is told to one client alone. */
  readonly chains?: DeflateChains | null;
}

/** What was told before, for each encoder. */
export class DeflateChains {
  readonly #chains = new WeakMap<Encoder, DeflateChain>();

  of(encoder: Encoder): DeflateChain {
    const chain = this.#chains.get(encoder) ?? new DeflateChain();
    this.#chains.set(encoder, chain);
    return chain;
  }
}

/**
 * One event as its subscribers see it (a book is already cut to their depth). Every encoding is made at most once, by
 * whoever asks first, and shared by all.
 */
export class Emission implements Delivery {
  readonly key: StreamKey;
  readonly event: MarketData;
  readonly #fresh: (() => Emission) | null;
  readonly #chains: DeflateChains | null;
  readonly #frames = new PerEncoder((encoder) => new SharedFrames([this.#payload(encoder)]));

  constructor(key: StreamKey, event: MarketData, { fresh = null, chains = null }: EmissionOptions = {}) {
    this.key = key;
    this.event = event;
    this.#fresh = fresh;
    this.#chains = chains;
  }

  get emissions(): readonly [this] {
    return [this];
  }

  /** True where the event means nothing without the ones before it: the delta of a book. */
  get isDelta(): boolean {
    return this.#fresh !== null;
  }

  /** The newest whole value of this stream: itself, but for a delta. */
  fresh(): Emission {
    return this.#fresh === null ? this : this.#fresh();
  }

  frames(encoder: Encoder): SharedFrames {
    return this.#frames.get(encoder);
  }

  #payload(encoder: Encoder): SharedPayload {
    const bytes = encoder.encode(this.event);
    let compressed: CompressedMessage | null = null;
    return {
      bytes,
      compressed: () => {
        compressed ??= (this.#chains?.of(encoder) ?? new DeflateChain()).next(bytes);
        return compressed;
      },
    };
  }
}

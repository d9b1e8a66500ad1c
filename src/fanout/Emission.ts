import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import type { DeflateChains } from './DeflateChains.ts';
import { Delivery } from './Delivery.ts';
import type { Encoder } from './PerEncoder.ts';
import { SharedFrames } from './SharedFrames.ts';
import { SharedPayload } from './SharedPayload.ts';

export interface EmissionOptions {
  /** Of a book's delta: gives the whole book in its place, as it is when asked. */
  readonly fresh?: (() => Emission) | null;
  /** Of all who see the stream alike, where they are told of it now. Null: it was known before, or one client alone is told. */
  readonly chains?: DeflateChains | null;
}

/**
 * One event as its subscribers see it (a book is already cut to their depth). Every encoding is made at most once, by
 * whoever asks first, and shared by all.
 */
export class Emission extends Delivery {
  readonly key: StreamKey;
  readonly event: MarketData;
  readonly #fresh: (() => Emission) | null;
  readonly #chains: DeflateChains | null;

  constructor(key: StreamKey, event: MarketData, { fresh = null, chains = null }: EmissionOptions = {}) {
    super();
    this.key = key;
    this.event = event;
    this.#fresh = fresh;
    this.#chains = chains;
  }

  get type(): MarketData['type'] {
    return this.event.type;
  }

  get size(): 1 {
    return 1;
  }

  get emissions(): readonly [this] {
    return [this];
  }

  get last(): this {
    return this;
  }

  get isLive(): boolean {
    return this.#chains !== null;
  }

  /** True where the event means nothing without the ones before it: the delta of a book. */
  get isDelta(): boolean {
    return this.#fresh !== null;
  }

  /** The newest whole value of this stream: itself, but for a delta. */
  fresh(): Emission {
    return this.#fresh === null ? this : this.#fresh();
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames([new SharedPayload(encoder.encode(this.event), { encoder, chains: this.#chains })]);
  }
}

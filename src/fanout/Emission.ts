import type { MarketData, OrderBookUpdate, StreamKey } from '../market/marketData.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { DeflateChains } from './DeflateChains.ts';
import { PerEncoder } from './PerEncoder.ts';
import type { Encoder } from './PerEncoder.ts';
import { SharedFrames } from './SharedFrames.ts';
import { SharedPayload } from './SharedPayload.ts';

/** Events of one stream, in order, as they come to its subscribers: at least one. */
export abstract class Delivery {
  abstract readonly key: StreamKey;
  abstract readonly type: MarketData['type'];
  abstract readonly size: number;
  abstract readonly emissions: readonly Emission[];
  abstract readonly last: Emission;
  /** False for what was known before: its age says nothing of how fast it is told. */
  abstract readonly isLive: boolean;
  readonly #frames = new PerEncoder<SharedFrames>();
  #told: ClientProtocol[] | null = null;

  /** Their frames for the clients that this encoder serves. */
  frames(encoder: Encoder): SharedFrames {
    if (!encoder.isShared) return this.encode(encoder);
    return this.#frames.get(encoder) ?? this.#frames.add(encoder, this.encode(encoder));
  }

  /** True once for each protocol whose clients are told of it, where it is live. */
  firstTold(protocol: ClientProtocol): boolean {
    if (!this.isLive || this.#told?.includes(protocol) === true) return false;
    this.#told ??= [];
    this.#told.push(protocol);
    return true;
  }

  protected abstract encode(encoder: Encoder): SharedFrames;
}

export interface EmissionOptions {
  /** Of a book's delta: the whole book with it, and with nothing that came later. */
  readonly whole?: OrderBookUpdate | null;
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
  /** Of a book's delta: the whole book with it. */
  readonly book: OrderBookUpdate | null;
  readonly #chains: DeflateChains | null;
  #whole: Emission | null = null;
  #bare: Emission | null = null;

  constructor(key: StreamKey, event: MarketData, { whole = null, chains = null }: EmissionOptions = {}) {
    super();
    this.key = key;
    this.event = event;
    this.book = whole;
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
    return this.book !== null;
  }

  /** The whole value of the stream with this event: itself, but for a delta. */
  whole(): Emission {
    if (this.book === null) return this;
    this.#whole ??= new Emission(this.key, this.book);
    return this.#whole;
  }

  /** The same without what was encoded of it already: for who may keep it for long. */
  bare(): Emission {
    this.#bare ??= new Emission(this.key, this.event, { whole: this.book, chains: this.#chains });
    return this.#bare;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames([new SharedPayload(encoder.encode(this.event), { encoder, chains: this.#chains })]);
  }
}

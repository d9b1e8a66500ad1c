import type { DeflateChains } from './DeflateChain.ts';
import { EncodingCache } from './EncodingCache.ts';
import type { Encoder } from './EncodingCache.ts';
import { SharedFrames, SharedPayload } from './SharedFrames.ts';
import type { MarketData, OrderBookUpdate } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';
import type { ClientProtocol } from '../../shared/metrics.ts';

/** Events of one stream, in order, as they come to its subscribers: at least one. */
export abstract class SharedUpdate {
  abstract readonly key: StreamKey;
  abstract readonly type: MarketData['type'];
  abstract readonly size: number;
  abstract readonly events: readonly SharedEvent[];
  abstract readonly last: SharedEvent;
  /** False for what was known before: its age says nothing of how fast it is told. */
  abstract readonly isLive: boolean;
  readonly #frames = new EncodingCache<SharedFrames>();
  #countedFor: ClientProtocol[] | null = null;

  /** Their frames for the clients that this encoder serves. */
  frames(encoder: Encoder): SharedFrames {
    if (!encoder.isShared) return this.encode(encoder);
    return this.#frames.get(encoder) ?? this.#frames.add(encoder, this.encode(encoder));
  }

  /** True once for each protocol whose clients are told of it, where it is live. */
  isFirstDelivery(protocol: ClientProtocol): boolean {
    if (!this.isLive || this.#countedFor?.includes(protocol) === true) return false;
    this.#countedFor ??= [];
    this.#countedFor.push(protocol);
    return true;
  }

  protected abstract encode(encoder: Encoder): SharedFrames;
}

export interface SharedEventOptions {
  /** Of a book's delta: the whole book with it, and with nothing that came later. */
  readonly whole?: OrderBookUpdate | null;
  /** Of all who see the stream alike, where they are told of it now. Null: it was known before, or one client alone is told. */
  readonly chains?: DeflateChains | null;
}

/**
 * One event as its subscribers see it (a book is already cut to their depth). Every encoding is made at most once, by
 * whoever asks first, and shared by all.
 */
export class SharedEvent extends SharedUpdate {
  readonly key: StreamKey;
  readonly event: MarketData;
  /** Of a book's delta: the whole book with it. */
  readonly book: OrderBookUpdate | null;
  readonly #chains: DeflateChains | null;
  #whole: SharedEvent | null = null;
  #bare: SharedEvent | null = null;

  constructor(key: StreamKey, event: MarketData, { whole = null, chains = null }: SharedEventOptions = {}) {
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

  get events(): readonly [this] {
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
  whole(): SharedEvent {
    if (this.book === null) return this;
    this.#whole ??= new SharedEvent(this.key, this.book);
    return this.#whole;
  }

  /** The same without what was encoded of it already: for who may keep it for long. */
  bare(): SharedEvent {
    this.#bare ??= new SharedEvent(this.key, this.event, { whole: this.book, chains: this.#chains });
    return this.#bare;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames([new SharedPayload(encoder.encode(this.event), { encoder, chains: this.#chains })]);
  }
}

/** Several events of one stream that came in one turn: their frames are gathered once, for all who get them. */
export class SharedBatch extends SharedUpdate {
  readonly events: readonly [SharedEvent, ...SharedEvent[]];

  constructor(events: readonly [SharedEvent, ...SharedEvent[]]) {
    super();
    this.events = events;
  }

  get key(): StreamKey {
    return this.events[0].key;
  }

  get type(): MarketData['type'] {
    return this.events[0].type;
  }

  get size(): number {
    return this.events.length;
  }

  get last(): SharedEvent {
    return this.events.at(-1) ?? this.events[0];
  }

  get isLive(): boolean {
    return this.events[0].isLive;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames(this.events.flatMap((sharedEvent) => sharedEvent.frames(encoder).payloads));
  }
}

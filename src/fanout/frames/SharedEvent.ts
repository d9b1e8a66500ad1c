import type { DeflateChains } from './DeflateChain.ts';
import { EncodingCache } from './EncodingCache.ts';
import type { Encoder } from './EncodingCache.ts';
import { SharedFrames, SharedPayload } from './SharedFrames.ts';
import type { MarketData, OrderBookUpdate } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/streamKey.ts';
import type { ClientProtocol } from '../../shared/metrics.ts';

/** One or more events of one stream, in order, as its subscribers get them. */
export abstract class SharedUpdate {
  abstract readonly key: StreamKey;
  abstract readonly type: MarketData['type'];
  abstract readonly size: number;
  abstract readonly events: readonly SharedEvent[];
  abstract readonly last: SharedEvent;
  /** False for a value that was known before the subscription: its age is not a delivery latency. */
  abstract readonly isLive: boolean;
  readonly #frames = new EncodingCache<SharedFrames>();
  #countedFor: ClientProtocol[] | null = null;

  /** The frames of these events for all clients of the encoder. */
  frames(encoder: Encoder): SharedFrames {
    if (!encoder.isShared) return this.encode(encoder);
    return this.#frames.get(encoder) ?? this.#frames.add(encoder, this.encode(encoder));
  }

  /** True once for each protocol, and never unless the update is live. */
  isFirstDelivery(protocol: ClientProtocol): boolean {
    if (!this.isLive || this.#countedFor?.includes(protocol) === true) return false;
    this.#countedFor ??= [];
    this.#countedFor.push(protocol);
    return true;
  }

  protected abstract encode(encoder: Encoder): SharedFrames;
}

export interface SharedEventOptions {
  /** The whole book right after a book's delta. */
  readonly whole?: OrderBookUpdate | null;
  /** The compression chains of the group that gets the event. Null if the event is sent to one client alone. */
  readonly chains?: DeflateChains | null;
}

/**
 * One event as its subscribers see it (a book is already cut to their depth). Each encoding is made at most once, when
 * it is first needed, and shared by everybody.
 */
export class SharedEvent extends SharedUpdate {
  readonly key: StreamKey;
  readonly event: MarketData;
  /** The whole book right after this event, if the event is a book's delta. */
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

  /** True for a book's delta, which means nothing without the events before it. */
  get isDelta(): boolean {
    return this.book !== null;
  }

  /** The whole value of the stream after this event: for a delta the whole book, otherwise the event itself. */
  whole(): SharedEvent {
    if (this.book === null) return this;
    this.#whole ??= new SharedEvent(this.key, this.book);
    return this.#whole;
  }

  /** The same event without its encodings, for a queue that may keep it for long. */
  bare(): SharedEvent {
    this.#bare ??= new SharedEvent(this.key, this.event, { whole: this.book, chains: this.#chains });
    return this.#bare;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames([new SharedPayload(encoder.encode(this.event), { encoder, chains: this.#chains })]);
  }
}

/** Several events of one stream from one turn of the event loop. Their frames are joined once for everybody. */
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

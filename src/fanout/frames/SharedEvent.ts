import { CompressedFrames } from './CompressedFrames.ts';
import type { DeflateWindow } from './CompressedFrames.ts';
import { DeflateChain } from './DeflateChain.ts';
import type { CompressedMessage, DeflateChains } from './DeflateChain.ts';
import { nextFrames, textFrames } from './framing.ts';
import type { PatchedFrames } from './framing.ts';
import type { ResultFraming } from './streamFraming.ts';
import type { MarketData, OrderBookUpdate, StreamKey } from '../../market/marketData.ts';
import type { ClientProtocol } from '../../shared/metrics.ts';

/**
 * Turns an event into the text that a group of clients shares. Encoders are compared by identity: one encoder is one
 * group.
 */
export interface Encoder {
  /** False while the group has one client: then no encoding has to be kept for others. */
  readonly isShared: boolean;
  /** How many clients the group has. @default many */
  readonly members?: number;
  /** How many times larger than the event its text may be, as far as is known. @default 1 */
  readonly expansion?: number;
  encode(event: MarketData): string;
}

/** Keeps one value for each encoder. */
class EncodingCache<T> {
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

  /** The sum of a measure over all values. */
  sum(measure: (made: T) => number): number {
    if (this.#all === null) return this.#made === null ? 0 : measure(this.#made);
    let sum = 0;
    for (const made of this.#all.values()) sum += measure(made);
    return sum;
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

/**
 * The frames of some payloads, one after the other, for every client that gets them. Frames without an id are the same
 * for everybody. Frames with ids of one length share one buffer, in which the id is overwritten before each write. The
 * caller has to write the buffer before the next caller asks for it, or take it over with `detach`.
 */
export class SharedFrames {
  readonly payloads: readonly SharedPayload[];
  /** The sum over all payloads. */
  readonly payloadBytes: number;
  /** The size of the smallest payload; -1 if one of them is not worth compressing. */
  readonly #smallest: number;
  #plain: Buffer | null = null;
  /** Made for ids of this length; clients nearly always use one length. */
  #patched: PatchedFrames | null = null;
  #patchedLength = -1;
  #compressed: CompressedFrames | null = null;
  #streamed: Map<ResultFraming, Buffer> | null = null;

  constructor(payloads: readonly SharedPayload[]) {
    this.payloads = payloads;
    let sum = 0;
    let smallest = Infinity;
    for (const { byteLength, isForMany } of payloads) {
      sum += byteLength;
      if (!isForMany) smallest = -1;
      else if (byteLength < smallest) smallest = byteLength;
    }
    this.payloadBytes = sum;
    this.#smallest = smallest;
  }

  /**
   * The frames with this id (JSON with its quotes; null for none). The bytes are valid until the next call, unless the
   * caller detaches them. `window` is for a client that takes compressed messages.
   */
  bytes(id: Buffer | null, window: DeflateWindow | null): Buffer {
    if (window !== null && this.#smallest >= window.thresholdBytes) {
      this.#compressed ??= new CompressedFrames(this.payloads.map(({ compressed }) => compressed));
      const compressed = this.#compressed.bytes(id, window);
      if (compressed !== null) return compressed;
    }
    return id === null ? this.#withoutId() : this.#withId(id);
  }

  /** The payloads as they are written into the answer to an HTTP request. The bytes never change and may be kept. */
  streamed(framing: ResultFraming): Buffer {
    this.#streamed ??= new Map();
    const known = this.#streamed.get(framing);
    if (known !== undefined) return known;
    const made = Buffer.from(this.payloads.map(({ text }) => framing.result(text)).join(''));
    this.#streamed.set(framing, made);
    return made;
  }

  /** The bytes that were returned last belong to the caller from now on; the next caller gets new ones. */
  detach(): void {
    this.#patched = null;
    this.#compressed?.detach();
  }

  /** The bytes never change and may be kept. */
  #withoutId(): Buffer {
    this.#plain ??= textFrames(this.payloads);
    return this.#plain;
  }

  #withId(id: Buffer): Buffer {
    if (this.#patched === null || this.#patchedLength !== id.length) {
      this.#patched = nextFrames(id.length, this.payloads);
      this.#patchedLength = id.length;
    }
    const { bytes, idsAt } = this.#patched;
    for (const at of idsAt) bytes.set(id, at);
    return bytes;
  }
}

/** A payload needs this to be compressed. */
export interface PayloadOrigin {
  readonly encoder: Encoder;
  /** The compression chains of the group that gets the event. Null if it has no place in one. */
  readonly chains: DeflateChains | null;
  /** False if compressing would cost more than it saves, because too few clients share the result. */
  readonly isForMany: boolean;
}

/** The text of an event in one encoding, and its compressed form. */
export class SharedPayload {
  readonly text: string;
  /** The length in UTF-8. */
  readonly byteLength: number;
  readonly #origin: PayloadOrigin;
  #compressed: CompressedMessage | null = null;

  constructor(text: string, origin: PayloadOrigin) {
    this.text = text;
    this.byteLength = Buffer.byteLength(text);
    this.#origin = origin;
  }

  get isForMany(): boolean {
    return this.#origin.isForMany;
  }

  get compressed(): CompressedMessage {
    const { encoder, chains } = this.#origin;
    this.#compressed ??= (chains?.of(encoder) ?? new DeflateChain()).next(Buffer.from(this.text));
    return this.#compressed;
  }
}

function bytesOfFrames({ payloadBytes }: SharedFrames): number {
  return 3 * payloadBytes;
}

/** One or more events of one stream, in order, as its subscribers get them. */
export abstract class SharedUpdate {
  abstract readonly key: StreamKey;
  abstract readonly type: MarketData['type'];
  abstract readonly size: number;
  abstract readonly events: readonly SharedEvent[];
  abstract readonly last: SharedEvent;
  /** False for a value that was known before the subscription: its age is not a delivery latency. */
  abstract readonly isLive: boolean;
  /** Null before the first encoding. */
  #frames: EncodingCache<SharedFrames> | null = null;
  #countedFor: ClientProtocol[] | null = null;

  /** The frames of these events for all clients of the encoder. */
  frames(encoder: Encoder): SharedFrames {
    if (!encoder.isShared) return this.encode(encoder);
    this.#frames ??= new EncodingCache();
    return this.#frames.get(encoder) ?? this.#frames.add(encoder, this.encode(encoder));
  }

  /** About how much memory the encodings take that have been made so far: a text and its frames each. */
  get encodedBytes(): number {
    return this.#frames?.sum(bytesOfFrames) ?? 0;
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

/** For a group with this many members compressing costs little in comparison with writing to all of them. */
const MANY_MEMBERS = 32;
/** Each event is compressed for at most this many smaller groups: enough for few clients, and a bound for many. */
const MAX_SMALL_GROUPS = 4;

export interface SharedEventOptions {
  /** The whole book right after a book's delta. */
  readonly whole?: OrderBookUpdate | null;
  /** The compression chains of the group that gets the event. Null if the event is sent to one client alone. */
  readonly chains?: DeflateChains | null;
  /** Whether the group that gets the event has more than one member. @default false */
  readonly isForMany?: boolean;
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
  readonly #isForMany: boolean;
  #smallGroups = 0;
  #isRepeated = false;
  #whole: SharedEvent | null = null;
  #bare: SharedEvent | null = null;

  constructor(
    key: StreamKey,
    event: MarketData,
    { whole = null, chains = null, isForMany = false }: SharedEventOptions = {},
  ) {
    super();
    this.key = key;
    this.event = event;
    this.book = whole;
    this.#chains = chains;
    this.#isForMany = isForMany;
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
    return this.#chains !== null && !this.#isRepeated;
  }

  /** It is sent to somebody long after it came: from here on its age is no delivery latency. */
  repeat(): void {
    this.#isRepeated = true;
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
    this.#bare ??= new SharedEvent(this.key, this.event, {
      whole: this.book,
      chains: this.#chains,
      isForMany: this.#isForMany,
    });
    return this.#bare;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    const chains = this.#chains;
    const isForMany = encoder.isShared && this.#isForMany && this.#paysFor(encoder);
    return new SharedFrames([new SharedPayload(encoder.encode(this.event), { encoder, chains, isForMany })]);
  }

  #paysFor({ members = MANY_MEMBERS }: Encoder): boolean {
    if (members >= MANY_MEMBERS) return true;
    this.#smallGroups += 1;
    return this.#smallGroups <= MAX_SMALL_GROUPS;
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

/**
 * The memory that an event takes, as an object or as text. Correct within a factor of two, which is enough for a bound. A
 * malformed event, which becomes an error for the client, counts as a small one.
 */
export function bytesOfEvent(event: MarketData | undefined): number {
  return event?.type === 'orderbook' ? 300 + 60 * levelsOf(event) : 400;
}

/** The number of levels in a book. */
export function levelsOf(book: Partial<OrderBookUpdate> | null): number {
  return (book?.bids?.length ?? 0) + (book?.asks?.length ?? 0);
}

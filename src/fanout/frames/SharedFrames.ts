import { CompressedFrames } from './CompressedFrames.ts';
import type { DeflateWindow } from './CompressedFrames.ts';
import { DeflateChain } from './DeflateChain.ts';
import type { CompressedMessage, DeflateChains } from './DeflateChain.ts';
import type { Encoder } from './EncodingCache.ts';
import { nextEvent, nextFrames, textFrames } from './framing.ts';
import type { PatchedFrames } from './framing.ts';

/**
 * The frames of some payloads, one after the other, for all the clients that get them. Without an id they are the
 * same for everybody. With ids, those of equal length share one buffer, in which the id is overwritten before each write:
 * whoever writes it must have it written before anybody else asks, or keep it for itself (`give`).
 */
export class SharedFrames {
  readonly payloads: readonly SharedPayload[];
  /** Of all payloads together. */
  readonly payloadBytes: number;
  readonly #smallest: number;
  #plain: Buffer | null = null;
  /** By the length of the id; nearly always there is one. */
  #patched: PatchedFrames | null = null;
  #patchedLength = -1;
  #compressed: CompressedFrames | null = null;
  #events: Buffer | null = null;

  constructor(payloads: readonly SharedPayload[]) {
    this.payloads = payloads;
    let sum = 0;
    let smallest = Infinity;
    for (const { byteLength } of payloads) {
      sum += byteLength;
      if (byteLength < smallest) smallest = byteLength;
    }
    this.payloadBytes = sum;
    this.#smallest = smallest;
  }

  /**
   * The frames with this id (as JSON, with its quotes; null: none), for whoever is sent them now: until the next call, unless
   * they are given away. `window` of a client that takes compressed messages.
   */
  bytes(id: Buffer | null, window: DeflateWindow | null): Buffer {
    if (window !== null && this.#smallest >= window.thresholdBytes) {
      this.#compressed ??= new CompressedFrames(this.payloads.map(({ compressed }) => compressed));
      const compressed = this.#compressed.bytes(id, window);
      if (compressed !== null) return compressed;
    }
    return id === null ? this.#withoutId() : this.#withId(id);
  }

  /** The same as server-sent events. Never changed, may be kept. */
  events(): Buffer {
    this.#events ??= Buffer.from(this.payloads.map(({ text }) => nextEvent(text)).join(''));
    return this.#events;
  }

  /** The bytes that were asked for last belong to who asked: the next are made anew. */
  detach(): void {
    this.#patched = null;
    this.#compressed?.detach();
  }

  /** Never changed, may be kept. */
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

export interface PayloadOrigin {
  readonly encoder: Encoder;
  /** Of all who see the stream alike; null where the event is told to one client alone. */
  readonly chains: DeflateChains | null;
}

/** An event as one encoder tells it, and what that is when it is compressed. */
export class SharedPayload {
  readonly text: string;
  /** Of the text, as it is sent. */
  readonly byteLength: number;
  readonly #origin: PayloadOrigin;
  #compressed: CompressedMessage | null = null;

  constructor(text: string, origin: PayloadOrigin) {
    this.text = text;
    this.byteLength = Buffer.byteLength(text);
    this.#origin = origin;
  }

  get compressed(): CompressedMessage {
    const { encoder, chains } = this.#origin;
    this.#compressed ??= (chains?.of(encoder) ?? new DeflateChain()).next(Buffer.from(this.text));
    return this.#compressed;
  }
}

import { CompressedFrames } from './CompressedFrames.ts';
import type { DeflateWindow } from './CompressedFrames.ts';
import { DeflateChain } from './DeflateChain.ts';
import type { CompressedMessage, DeflateChains } from './DeflateChain.ts';
import type { Encoder } from './EncodingCache.ts';
import { nextEvent, nextFrames, textFrames } from './framing.ts';
import type { PatchedFrames } from './framing.ts';

/**
 * The frames of some payloads, one after the other, for every client that gets them. Frames without an id are the same
 * for everybody. Frames with ids of one length share one buffer, in which the id is overwritten before each write. The
 * caller has to write the buffer before the next caller asks for it, or take it over with `detach`.
 */
export class SharedFrames {
  readonly payloads: readonly SharedPayload[];
  /** The sum over all payloads. */
  readonly payloadBytes: number;
  readonly #smallest: number;
  #plain: Buffer | null = null;
  /** Made for ids of this length; clients nearly always use one length. */
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

  /** The payloads as server-sent events. The bytes never change and may be kept. */
  events(): Buffer {
    this.#events ??= Buffer.from(this.payloads.map(({ text }) => nextEvent(text)).join(''));
    return this.#events;
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

export interface PayloadOrigin {
  readonly encoder: Encoder;
  /** The compression chains of the group that gets the event. Null if it is sent to one client alone. */
  readonly chains: DeflateChains | null;
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

  get compressed(): CompressedMessage {
    const { encoder, chains } = this.#origin;
    this.#compressed ??= (chains?.of(encoder) ?? new DeflateChain()).next(Buffer.from(this.text));
    return this.#compressed;
  }
}

import type { Encoder } from './EncodingCache.ts';
import { MAX_STORED_BYTES, WINDOW_BYTES, deflated, repeated, storedHeader } from './deflate.ts';
import { NEXT_END, NEXT_ID_AT, compressedFrame, nextPrefix } from './framing.ts';

/** A frame whose id can be overwritten. */
export interface PatchableFrame {
  readonly frame: Buffer;
  /** The offset of the id, which is JSON with its quotes. */
  readonly idAt: number;
}

/** Each length of an id costs a compression of its own, and clients choose their ids. */
const MAX_ID_LENGTHS = 8;

interface Predecessor {
  readonly mark: symbol;
  readonly payload: Buffer;
}

/**
 * Compresses the payloads that one group of clients gets, one after the other, for all of them at once
 * (permessage-deflate, RFC 7692), without a compressor for each connection. Nearly every client has the previous
 * message in its window, so that it can be sent only what has changed. The chain remembers the last payload. Payloads
 * are JSON and may not be changed afterwards.
 */
export class DeflateChain {
  #last: Predecessor | null = null;

  next(payload: Buffer): CompressedMessage {
    const message = new CompressedMessage(payload, this.#last);
    this.#last = { mark: message.mark, payload };
    return message;
  }
}

/**
 * One payload in two forms, each made when it is first asked for. Every client that takes compressed messages
 * understands `fresh`. `linked` is smaller, and only for a client whose last compressed message, in whichever form, was
 * the one that `follows` names, with the same id. Uncompressed messages in between don't matter. Without an id (null)
 * the message is the payload alone.
 */
export class CompressedMessage {
  /** Identifies this message as the last one that a client was sent. */
  readonly mark = Symbol('compressed message');
  readonly #payload: Buffer;
  readonly #previous: Predecessor | null;
  #deflatedNext: Buffer | null = null;
  #deflatedPayload: Buffer | null = null;
  /** Keyed by the length of the id. */
  readonly #linked = new Map<number | null, Buffer | null>();

  constructor(payload: Buffer, previous: Predecessor | null) {
    this.#payload = payload;
    this.#previous = previous;
  }

  /** The mark of the previous message; null if there was none. */
  get follows(): symbol | null {
    return this.#previous?.mark ?? null;
  }

  /** A frame that needs no previous message. Null if the id is too long. */
  fresh(idBytes: number | null): PatchableFrame | null {
    if (idBytes === null) {
      this.#deflatedPayload ??= deflated(this.#payload);
      return { frame: compressedFrame([this.#deflatedPayload]), idAt: 0 };
    }
    const prefix = nextPrefix(idBytes);
    if (prefix.length > MAX_STORED_BYTES) return null;
    this.#deflatedNext ??= deflated(Buffer.concat([this.#payload, NEXT_END]));
    const frame = compressedFrame([storedHeader(prefix.length), prefix, this.#deflatedNext]);
    return { frame, idAt: frame.length - this.#deflatedNext.length - prefix.length + NEXT_ID_AT };
  }

  /**
   * The frame for a client that has the previous message. It contains no id, so it is the same for all ids of this
   * length; it never changes and may be kept. Null if there is no previous message, it is too far back, or there are
   * too many lengths of ids.
   */
  linked(idBytes: number | null): Buffer | null {
    const made = this.#linked.get(idBytes);
    if (made !== undefined) return made;
    if (this.#linked.size >= MAX_ID_LENGTHS) return null;
    const frame = this.#link(idBytes);
    this.#linked.set(idBytes, frame);
    return frame;
  }

  #link(idBytes: number | null): Buffer | null {
    if (this.#previous === null) return null;
    if (idBytes === null) return compressedFrame([deflated(this.#payload, this.#previous.payload)]);
    const prefix = nextPrefix(idBytes);
    const before = Buffer.concat([this.#previous.payload, NEXT_END]);
    const distance = prefix.length + before.length;
    if (distance > WINDOW_BYTES) return null;
    const text = Buffer.concat([this.#payload, NEXT_END]);
    const same = commonLength(before, text);
    // JSON contains no NUL, so nothing later can match the NULs that stand for the id.
    const dictionary = Buffer.concat([before, prefix, text.subarray(0, same)]);
    return compressedFrame([repeated(prefix.length + same, distance), deflated(text.subarray(same), dictionary)]);
  }
}

/** Returns how many bytes at the beginning are the same. */
function commonLength(one: Buffer, other: Buffer): number {
  const limit = Math.min(one.length, other.length);
  let at = 0;
  while (at < limit && one[at] === other[at]) at += 1;
  return at;
}

/** The chains of one stream, as one group of subscribers sees it: one chain for each encoder. */
export class DeflateChains {
  readonly #chains = new WeakMap<Encoder, DeflateChain>();

  of(encoder: Encoder): DeflateChain {
    const chain = this.#chains.get(encoder) ?? new DeflateChain();
    this.#chains.set(encoder, chain);
    return chain;
  }
}

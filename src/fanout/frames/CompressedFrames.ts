import type { CompressedMessage } from './DeflateChain.ts';
import type { PatchedFrames } from './framing.ts';

/**
 * The last compressed message that a connection was sent. Each connection that takes compressed messages has its own.
 */
export interface DeflateWindow {
  /** Smaller payloads are sent uncompressed, and don't change this. */
  readonly thresholdBytes: number;
  /** Identifies the last message; null before the first. */
  mark: symbol | null;
  /** The id that the last message was sent with, compared by identity. */
  id: Buffer | null;
}

interface Part {
  readonly frame: Buffer;
  /** Null if the frame has no id in it. */
  readonly idAt: number | null;
}

interface Made extends PatchedFrames {
  readonly idBytes: number | null;
}

/**
 * The frames of some messages, compressed, for every client that is sent them. A client that was sent the message right
 * before the first of them gets only what has changed since, in bytes without an id. Any other client gets the first
 * message complete.
 */
export class CompressedFrames {
  readonly #messages: readonly CompressedMessage[];
  /** Made for ids of the length that was asked for last. */
  #inStep: Made | null = null;
  #afresh: Made | null = null;

  constructor(messages: readonly CompressedMessage[]) {
    this.#messages = messages;
  }

  /**
   * The frames with this id. The caller has to write them before the next call, unless it detaches them. Null if they
   * can't be compressed for this id.
   */
  bytes(id: Buffer | null, window: DeflateWindow): Buffer | null {
    const before = window.id === id ? window.mark : null;
    const made = before !== null && this.#messages[0]?.follows === before ? this.#linked(id, before) : this.#fresh(id);
    if (made === null) return null;
    if (id !== null) for (const at of made.idsAt) made.bytes.set(id, at);
    window.mark = this.#messages.at(-1)?.mark ?? null;
    window.id = id;
    return made.bytes;
  }

  /** The bytes that were returned last belong to the caller from now on. */
  detach(): void {
    if (this.#inStep !== null && this.#inStep.idsAt.length > 0) this.#inStep = null;
    this.#afresh = null;
  }

  #linked(id: Buffer | null, before: symbol): Made | null {
    if (this.#inStep?.idBytes !== (id?.length ?? null)) this.#inStep = this.#make(id, before);
    return this.#inStep;
  }

  #fresh(id: Buffer | null): Made | null {
    if (this.#afresh?.idBytes !== (id?.length ?? null)) this.#afresh = this.#make(id, null);
    return this.#afresh;
  }

  #make(id: Buffer | null, before: symbol | null): Made | null {
    const idBytes = id?.length ?? null;
    const frames: Part[] = [];
    let last = before;
    for (const message of this.#messages) {
      const linked = last !== null && message.follows === last ? message.linked(idBytes) : null;
      const frame = linked === null ? message.fresh(idBytes) : { frame: linked, idAt: null };
      if (frame === null) return null;
      frames.push(frame);
      last = message.mark;
    }
    return { idBytes, ...gathered(frames) };
  }
}

function gathered(frames: readonly Part[]): PatchedFrames {
  const idsAt: number[] = [];
  let end = 0;
  for (const { frame, idAt } of frames) {
    if (idAt !== null) idsAt.push(end + idAt);
    end += frame.length;
  }
  return { bytes: Buffer.concat(frames.map(({ frame }) => frame)), idsAt };
}

import { nextFrame, textFrame } from './frames.ts';

interface Patched {
  readonly frame: Buffer;
  readonly idAt: number;
}

/**
 * The WebSocket frames of one payload, for all the clients that get it. Without an id there is one frame for everybody.
 * With ids, those of equal length share one buffer, in which the id is overwritten before each write: whoever writes it
 * must have it written before anybody else asks, or keep it for itself (`give`).
 */
export class SharedFrames {
  readonly payload: Buffer;
  #plain: Buffer | null = null;
  /** By the length of the id; nearly always there is one. */
  #patched: Patched | null = null;
  #patchedLength = -1;

  constructor(payload: Buffer) {
    this.payload = payload;
  }

  /** The frame for whoever has no id: never changed, may be kept. */
  plain(): Buffer {
    this.#plain ??= textFrame(this.payload);
    return this.#plain;
  }

  /** The frame with this id (as JSON, with its quotes): until the next call, unless it is given away. */
  withId(id: Buffer): Buffer {
    if (this.#patched === null || this.#patchedLength !== id.length) {
      this.#patched = nextFrame(id.length, this.payload);
      this.#patchedLength = id.length;
    }
    const { frame, idAt } = this.#patched;
    frame.set(id, idAt);
    return frame;
  }

  /** The frame that was asked for last belongs to who asked: the next one is made anew. */
  give(): void {
    this.#patched = null;
  }
}

import type { CompressedMessage } from '../../src/fanout/frames/DeflateChain.ts';
import { nextFrames, textFrames } from '../../src/fanout/frames/framing.ts';
import type { Payload } from '../../src/fanout/frames/framing.ts';

/** What a sender must know of one client that accepts compressed messages, with everything that the client was sent. */
export class DeflateClient {
  readonly sent: string[] = [];
  /** Counts the messages that were linked to the previous one. */
  linked = 0;
  #last: { readonly mark: symbol; readonly id: string | null } | null = null;

  /** Adds a compressed message; the id is JSON, with its quotes. */
  compressed(message: CompressedMessage, id: string | null, payload: string): Buffer {
    const idBytes = id === null ? null : Buffer.byteLength(id);
    const isInStep = this.#last?.mark === message.follows && this.#last?.id === id;
    this.#last = { mark: message.mark, id };
    this.#receive(payload, id);
    const linked = isInStep ? message.linked(idBytes) : null;
    if (linked !== null) {
      this.linked += 1;
      return linked;
    }
    const fresh = message.fresh(idBytes);
    if (fresh === null) throw new Error('an id that is too long');
    if (id !== null) fresh.frame.write(id, fresh.idAt);
    return fresh.frame;
  }

  plain(payload: string, id: string | null): Buffer {
    this.#receive(payload, id);
    if (id === null) return textFrames([payloadOf(payload)]);
    const { bytes, idsAt } = nextFrames(Buffer.byteLength(id), [payloadOf(payload)]);
    for (const at of idsAt) bytes.write(id, at);
    return bytes;
  }

  #receive(payload: string, id: string | null): void {
    this.sent.push(id === null ? payload : `{"id":${id},"type":"next","payload":${payload}}`);
  }
}

export function payloadOf(text: string): Payload {
  return { text, byteLength: Buffer.byteLength(text) };
}

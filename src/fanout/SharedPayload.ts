import { DeflateChain } from './DeflateChain.ts';
import type { CompressedMessage } from './DeflateChain.ts';
import type { DeflateChains } from './DeflateChains.ts';
import type { Encoder } from './PerEncoder.ts';

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

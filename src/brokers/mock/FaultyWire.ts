import type { Numbered } from '../Sequencer.ts';

/** This happens to a message on its way. */
export interface WireFaults {
  readonly isLost: boolean;
  readonly isDoubled: boolean;
  /** It arrives after the message that follows it. */
  readonly isLate: boolean;
}

/** The way from a made-up venue to its adapter: it numbers messages, and loses, doubles and delays them on demand. */
export class FaultyWire<Item> {
  #sent = 0;
  #late: readonly Numbered<Item>[] = [];

  /** The number of the last message that was sent; 0 before the first. */
  get sent(): number {
    return this.#sent;
  }

  /** Something is still on its way. */
  get hasLate(): boolean {
    return this.#late.length > 0;
  }

  /** Sends one message; returns what arrives now, in this order. */
  send(item: Item, { isLost, isDoubled, isLate }: WireFaults): readonly Numbered<Item>[] {
    this.#sent += 1;
    const message = { venueId: this.#sent, item };
    const copies = isLost ? [] : isDoubled ? [message, message] : [message];
    if (isLate && !this.hasLate) {
      this.#late = copies;
      return [];
    }
    return [...copies, ...this.arrive()];
  }

  /** Messages that were late arrive now. */
  arrive(): readonly Numbered<Item>[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }
}

import type { FeedStatus, StreamAddress, StreamKey } from '../market/marketData.ts';
import { streamKey } from '../market/marketData.ts';

/**
 * One life of one stream: from the first who wants it to the last who lingers. Its events are numbered from 1, and their
 * cursors differ from those of every other life.
 */
export class LiveStream {
  readonly broker: string;
  readonly symbol: string;
  readonly key: StreamKey;
  /** Of a cursor: what all those of this life have in common. */
  readonly #life: string;
  #sequence = 0;

  constructor(address: StreamAddress, life: string) {
    this.broker = address.broker;
    this.symbol = address.symbol;
    this.key = streamKey(address);
    this.#life = `${life}.`;
  }

  /** Gives a status its place in the stream. */
  stamp(draft: Omit<FeedStatus, 'broker' | 'symbol' | 'sequence' | 'cursor'>): FeedStatus {
    const sequence = this.next();
    return { ...draft, broker: this.broker, symbol: this.symbol, sequence, cursor: this.cursorOf(sequence) };
  }

  protected next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  protected cursorOf(sequence: number): string {
    return `${this.#life}${sequence}`;
  }
}

import type { ClientPrice, PriceStyle } from './prices.ts';
import type { StandInStream } from './StandInStream.ts';

/** The open streams, and counts of earlier ones. */
export class StreamHub {
  readonly #streams = new Set<StandInStream>();
  readonly #opened = new Map<string, number>();
  readonly #most = new Map<string, number>();

  /** In the order in which they were opened. */
  get streams(): readonly StandInStream[] {
    return [...this.#streams];
  }

  add(stream: StandInStream): void {
    const { accountId } = stream;
    this.#streams.add(stream);
    this.#opened.set(accountId, this.opened(accountId) + 1);
    this.#most.set(accountId, Math.max(this.most(accountId), this.of(accountId).length));
  }

  remove(stream: StandInStream): void {
    this.#streams.delete(stream);
  }

  of(accountId: string): StandInStream[] {
    return this.streams.filter((stream) => stream.accountId === accountId);
  }

  /** The number of streams that were opened since the start, of one account or of all. */
  opened(accountId?: string): number {
    if (accountId !== undefined) return this.#opened.get(accountId) ?? 0;
    return [...this.#opened.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The most streams of one account that were open at the same time. */
  most(accountId: string): number {
    return this.#most.get(accountId) ?? 0;
  }

  hears(accountId: string, instrument: string): boolean {
    return this.of(accountId).some((stream) => stream.has(instrument));
  }

  offer(accountId: string, price: ClientPrice): void {
    for (const stream of this.of(accountId)) stream.offer(price);
  }

  deliver(accountId: string, price: ClientPrice, style?: Partial<PriceStyle>): void {
    for (const stream of this.of(accountId)) stream.deliver(price, style);
  }
}

import { compare } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { TickDraft } from '../../market/marketData.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { MarketStream } from './MarketStream.ts';
import { StuckWatch } from './StuckWatch.ts';
import { parseTick, toBinanceTick } from './streamMessages.ts';

/** Best bid and ask. Only the newest counts, so nothing that was missed is fetched. */
export class TickStream extends MarketStream {
  protected readonly ticks = true;
  readonly #stuck = new StuckWatch();
  #updateId = -1;
  /** As the stream gave it last; null if a side had no quote, or nothing has come yet. */
  #last: TickDraft | null = null;
  /** The last tick no longer holds, and no other has come. */
  #isWithdrawn = false;

  resync(): void {
    // A tick does not depend on the ones before it.
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = parseTick(data);
    if (message === undefined) return false;
    if (message.updateId <= this.#updateId && !this.#stuck.ignored(this.context.broker.clock.monotonic())) return true;
    this.#stuck.accepted();
    this.#updateId = message.updateId;
    const tick = toBinanceTick(message, this.context.stamp(receivedAtMs));
    this.#last = tick;
    if (tick === null) {
      this.#isWithdrawn = true;
      this.setCondition({ kind: 'withdrawn', reason: `The venue quotes no bid or no ask of ${this.symbol}.` });
      return true;
    }
    this.publish(tick);
    if (this.#isWithdrawn) this.#goLive();
    return true;
  }

  protected async isBehind(options: AskOptions): Promise<boolean> {
    const present = await this.context.history.fetchTick(this.symbol, options);
    const last = this.#last;
    if (present === null || last === null) return present !== last;
    return !(
      same(present.bid, last.bid) &&
      same(present.ask, last.ask) &&
      same(present.bidSize, last.bidSize) &&
      same(present.askSize, last.askSize)
    );
  }

  protected begin(): void {
    this.#goLive();
  }

  /** Missed ticks are out of date. Another connection may number anew. */
  protected interrupt(): void {
    this.#updateId = -1;
    this.#stuck.interrupted();
  }

  #goLive(): void {
    this.#isWithdrawn = false;
    this.setCondition({ kind: 'live' });
  }
}

function same(a: Decimal | null, b: Decimal | null): boolean {
  return a === null || b === null ? a === b : compare(a, b) === 0;
}

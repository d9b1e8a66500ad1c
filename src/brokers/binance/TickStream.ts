import { MarketStream, StuckWatch } from './MarketStream.ts';
import { parseTick, toBinanceTick } from './streamMessages.ts';

/** Best bid and ask. Only the newest counts, so nothing that was missed is fetched. */
export class TickStream extends MarketStream {
  protected readonly ticks = true;
  readonly #stuck = new StuckWatch();
  #updateId = -1;

  resync(): void {
    // A tick does not depend on the ones before it.
  }

  [Symbol.dispose](): void {
    // It holds nothing.
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = parseTick(data);
    if (message === undefined) return false;
    if (message.updateId <= this.#updateId && !this.#stuck.ignored(this.context.broker.clock.monotonic())) return true;
    this.#stuck.accepted();
    this.#updateId = message.updateId;
    const tick = toBinanceTick(message, this.context.stamp(receivedAtMs));
    if (tick !== null) this.publish(tick);
    return true;
  }

  protected begin(): void {
    this.setCondition({ kind: 'live' });
  }

  protected interrupt(): void {
    // Missed ticks are out of date.
  }
}

import { MarketStream, StuckWatch } from './MarketStream.ts';
import { toTick } from './streamMapping.ts';
import { parseTick } from './streamMessages.ts';

/** Best bid and ask. The newest is all that counts, so nothing is ever fetched again. */
export class TickStream extends MarketStream {
  protected readonly ticks = true;
  readonly #stuck = new StuckWatch();
  #updateId = -1;

  resync(): void {
    // Every tick stands for itself.
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
    const tick = toTick(message, this.context.stamp(receivedAtMs));
    if (tick !== null) this.publish(tick);
    return true;
  }

  protected begin(): void {
    this.stand({ kind: 'live' });
  }

  protected interrupt(): void {
    // What was missed is out of date.
  }
}

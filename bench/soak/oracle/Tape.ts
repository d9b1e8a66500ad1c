import type { MadeTrade } from '../world/venueMessages.ts';
import { StateLine } from './StateLine.ts';

/** The content of a trade, which is the same whatever it came over. */
export type TapedTrade = Omit<MadeTrade, 'symbol'>;

/** Everything that is known of one symbol at one venue. */
export class Tape {
  readonly books = new StateLine();
  readonly ticks = new StateLine();
  readonly #trades = new Map<number, TapedTrade>();
  /** By the second in which they were made. */
  readonly #bySecond = new Map<number, TapedTrade[]>();
  #newestId: number | null = null;

  get newestId(): number | null {
    return this.#newestId;
  }

  addTrade(trade: TapedTrade): void {
    if (this.#trades.has(trade.id)) return;
    this.#trades.set(trade.id, trade);
    this.#newestId = Math.max(this.#newestId ?? trade.id, trade.id);
    const second = Math.floor(trade.timeMs / 1_000);
    const known = this.#bySecond.get(second);
    if (known === undefined) this.#bySecond.set(second, [trade]);
    else known.push(trade);
  }

  trade(id: number): TapedTrade | null {
    return this.#trades.get(id) ?? null;
  }

  /** The oldest that is still known. */
  get oldestId(): number | null {
    return this.#trades.keys().next().value ?? null;
  }

  /** The trades of the second that begins then, in order. */
  second(openMs: number): readonly TapedTrade[] {
    return this.#bySecond.get(Math.floor(openMs / 1_000)) ?? [];
  }

  prune(beforeMs: number): void {
    this.books.prune(beforeMs);
    this.ticks.prune(beforeMs);
    for (const [id, { timeMs }] of this.#trades) {
      if (timeMs >= beforeMs) break;
      this.#trades.delete(id);
    }
    for (const second of this.#bySecond.keys()) {
      if (second * 1_000 >= beforeMs) break;
      this.#bySecond.delete(second);
    }
  }
}

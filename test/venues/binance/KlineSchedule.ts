import type { Random } from '../../../src/shared/random.ts';
import type { BarMaker } from './BarMaker.ts';
import { nextOpen, openOf } from './intervals.ts';
import type { Interval } from './intervals.ts';
import type { KlineUpdate } from './payloads.ts';
import type { Now } from '../timing.ts';

export interface KlineTimings {
  /** The time between two updates of a bar; never above 1000 for `1s`. */
  readonly periodMs: number;
  /** The final update comes after the bar's end with this delay. */
  readonly closeDelayMs: readonly [min: number, max: number];
}

export interface KlineScheduleOptions {
  readonly bars: BarMaker;
  readonly timings: KlineTimings;
  readonly random: Random;
  readonly now: Now;
}

interface Running {
  readonly openMs: number;
  readonly closeAtMs: number;
  sentAtMs: number;
  sentTradeId: number | null;
  /** True once the update with `x: false` after the bar's end has been sent. */
  late: boolean;
}

/**
 * Decides when klines are sent: only after a trade, at most one in each period, one more with `x: false` after the end
 * of the bar, and some time later the final one. A bar without trades sends nothing at all.
 */
export class KlineSchedule {
  readonly #options: KlineScheduleOptions;
  readonly #running = new Map<Interval, Running[]>();

  constructor(options: KlineScheduleOptions) {
    this.#options = options;
  }

  due(intervals: readonly Interval[]): KlineUpdate[] {
    for (const interval of this.#running.keys()) if (!intervals.includes(interval)) this.#running.delete(interval);
    return intervals.flatMap((interval) => this.#dueOf(interval));
  }

  #dueOf(interval: Interval): KlineUpdate[] {
    const now = this.#options.now();
    const running = this.#running.get(interval) ?? [];
    const open = openOf(interval, now);
    if (running.at(-1)?.openMs !== open) running.push(this.#begin(interval, open));
    const updates = running.flatMap((bar) => this.#update(interval, bar, now));
    this.#running.set(
      interval,
      running.filter((bar) => now < bar.closeAtMs),
    );
    return updates;
  }

  #begin(interval: Interval, openMs: number): Running {
    const [min, max] = this.#options.timings.closeDelayMs;
    const closeAtMs = nextOpen(interval, openMs) + min + this.#options.random() * (max - min);
    return { openMs, closeAtMs, sentAtMs: 0, sentTradeId: null, late: false };
  }

  #update(interval: Interval, state: Running, now: number): KlineUpdate[] {
    const { bars, timings } = this.#options;
    const tradeId = bars.lastTradeId(interval, state.openMs);
    if (tradeId === null) return [];
    const update = (closed: boolean): KlineUpdate[] => {
      state.sentAtMs = now;
      state.sentTradeId = tradeId;
      return [{ interval, bar: bars.bar(interval, state.openMs), closed }];
    };
    if (now >= state.closeAtMs) return update(true);
    if (now >= nextOpen(interval, state.openMs)) {
      if (state.late) return [];
      state.late = true;
      return update(false);
    }
    const periodMs = interval === '1s' ? Math.min(timings.periodMs, 1000) : timings.periodMs;
    return tradeId !== state.sentTradeId && now - state.sentAtMs >= periodMs ? update(false) : [];
  }
}

import type { Random } from '../../../src/shared/random.ts';
import type { Interval } from './intervals.ts';
import type { StandInMarket } from './StandInMarket.ts';
import type { Stream } from './streamNames.ts';

export interface LiveMarketOptions {
  readonly random: Random;
  readonly streams: () => readonly Stream[];
  /** Undefined for symbols that do not move. */
  readonly market: (symbol: string) => StandInMarket | undefined;
}

/** The diffs of streams without `@100ms` come at every tenth step. */
const SLOW_STEPS = 10;

/** Returns the step that moves every subscribed market a little: call it regularly. */
export function liveMarket({ random, streams, market }: LiveMarketOptions): () => void {
  let steps = 0;
  return () => {
    steps += 1;
    const intervals = new Map<string, Interval[]>();
    for (const { symbol, kind } of streams()) {
      const known = intervals.get(symbol) ?? [];
      if (kind.kind === 'kline') known.push(kind.interval);
      intervals.set(symbol, known);
    }
    for (const [symbol, wanted] of intervals) {
      const moving = market(symbol);
      if (moving === undefined) continue;
      moving.tick();
      if (random() < 0.7) moving.change();
      if (random() < 0.4) moving.trade();
      moving.flush(steps % SLOW_STEPS === 0 ? [100, 1000] : [100]);
      moving.sendDueKlines(wanted);
    }
  };
}

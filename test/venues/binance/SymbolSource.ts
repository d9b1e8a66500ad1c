import type { Level } from './DepthEngine.ts';
import type { Interval } from './intervals.ts';

export interface TradeRecord {
  readonly id: number;
  readonly price: string;
  readonly quantity: string;
  readonly quoteQuantity: string;
  readonly timeMs: number;
  readonly buyerIsMaker: boolean;
}

/** The fills of one taker order at one price; member names are the venue's. */
export interface AggTradeRecord {
  readonly a: number;
  readonly p: string;
  readonly q: string;
  readonly f: number;
  readonly l: number;
  readonly T: number;
  readonly m: boolean;
}

/** Member names are those of a kline message's `k`; `x` is not known for a bar from REST. */
export interface Bar {
  readonly t: number;
  /** The first instant after the bar. */
  readonly endMs: number;
  readonly f: number;
  readonly L: number;
  readonly o: string;
  readonly c: string;
  readonly h: string;
  readonly l: string;
  readonly v: string;
  readonly n: number;
  readonly q: string;
  readonly V: string;
  readonly Q: string;
}

export interface TradeQuery {
  readonly limit: number;
  readonly fromId: number | null;
}

export interface RangeQuery {
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly limit: number;
}

export interface BarQuery extends RangeQuery {
  readonly interval: Interval;
}

/**
 * The data of one symbol for the REST endpoints: a market that a test controls, or a recording that is being played.
 */
export interface SymbolSource {
  /** The reply's body; a promise if the reply has to wait for its place in a recording. */
  depthReply(limit: number): string | Promise<string>;
  trades(query: TradeQuery): readonly TradeRecord[];
  aggTrades(query: RangeQuery & TradeQuery): readonly AggTradeRecord[];
  bars(query: BarQuery): readonly Bar[];
  best(): { readonly bid: Level | null; readonly ask: Level | null };
  lastPrice(): string;
}

/** The rule of all lists: from `startMs` the oldest, otherwise the newest, never beyond either end. */
export function inRange<T>(items: readonly T[], timeOf: (item: T) => number, range: RangeQuery): readonly T[] {
  const { startMs, endMs, limit } = range;
  const found = items.filter(
    (item) => (startMs === null || timeOf(item) >= startMs) && (endMs === null || timeOf(item) <= endMs),
  );
  return startMs === null ? found.slice(-limit) : found.slice(0, limit);
}

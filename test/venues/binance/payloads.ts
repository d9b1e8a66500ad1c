import type { BookSnapshot, Diff, Level } from './DepthEngine.ts';
import type { Interval } from './intervals.ts';
import type { AggTradeRecord, Bar, TradeRecord } from './SymbolSource.ts';
import { inUnit, justBefore } from './time.ts';
import type { TimeUnit } from './time.ts';

/** The time of a message, and the unit in which its reader wants times. */
export interface Stamp {
  readonly eventMs: number;
  readonly unit: TimeUnit;
}

const NO_QUOTE: Level = ['0.00000000', '0.00000000'];

export function tradePayload(symbol: string, trade: TradeRecord, { eventMs, unit }: Stamp): string {
  return JSON.stringify({
    e: 'trade',
    E: inUnit(eventMs, unit),
    s: symbol,
    t: trade.id,
    p: trade.price,
    q: trade.quantity,
    T: inUnit(trade.timeMs, unit),
    m: trade.buyerIsMaker,
    M: true,
  });
}

export function aggTradePayload(symbol: string, aggregate: AggTradeRecord, { eventMs, unit }: Stamp): string {
  const { a, p, q, f, l, T, m } = aggregate;
  return JSON.stringify({
    e: 'aggTrade',
    E: inUnit(eventMs, unit),
    s: symbol,
    a,
    p,
    q,
    f,
    l,
    T: inUnit(T, unit),
    m,
    M: true,
  });
}

export interface KlineUpdate {
  readonly interval: Interval;
  readonly bar: Bar;
  readonly closed: boolean;
}

export function klinePayload(symbol: string, { interval, bar, closed }: KlineUpdate, { eventMs, unit }: Stamp): string {
  return JSON.stringify({
    e: 'kline',
    E: inUnit(eventMs, unit),
    s: symbol,
    k: {
      t: inUnit(bar.t, unit),
      T: justBefore(bar.endMs, unit),
      s: symbol,
      i: interval,
      f: bar.f,
      L: bar.L,
      o: bar.o,
      c: bar.c,
      h: bar.h,
      l: bar.l,
      v: bar.v,
      n: bar.n,
      x: closed,
      q: bar.q,
      V: bar.V,
      Q: bar.Q,
      B: '0',
    },
  });
}

export interface BestPrices {
  readonly updateId: number;
  readonly bid: Level | null;
  readonly ask: Level | null;
}

/** It has neither an event type nor a time. */
export function bookTickerPayload(symbol: string, { updateId, bid, ask }: BestPrices): string {
  const [b, B] = bid ?? NO_QUOTE;
  const [a, A] = ask ?? NO_QUOTE;
  return JSON.stringify({ u: updateId, s: symbol, b, B, a, A });
}

export function depthPayload(symbol: string, diff: Diff, { eventMs, unit }: Stamp): string {
  return JSON.stringify({
    e: 'depthUpdate',
    E: inUnit(eventMs, unit),
    s: symbol,
    U: diff.U,
    u: diff.u,
    b: diff.b,
    a: diff.a,
  });
}

/** Used by the partial streams and REST: it has no symbol and no time. */
export function snapshotPayload({ lastUpdateId, bids, asks }: BookSnapshot): string {
  return JSON.stringify({ lastUpdateId, bids, asks });
}

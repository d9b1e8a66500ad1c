import type { CandleQuery } from '../BaseBroker.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import { foldBars } from './restMapping.ts';
import type { Bar } from './restMapping.ts';
import { PAGE_ROWS } from './restRequests.ts';
import type { KlineWindow } from './restRequests.ts';

/** Asks the venue once: the bars of a window, oldest first. */
export type FetchPage = (window: KlineWindow) => Promise<readonly Bar[]>;

interface Span extends KlineWindow {
  /** More than one page where it is more than PAGE_ROWS. */
  readonly rows: number;
}

interface Bars {
  readonly bars: readonly Bar[];
  /** The venue has no more in this direction. */
  readonly exhausted: boolean;
}

/**
 * The bars of a query, oldest first: with a start the oldest `limit` from there, else the newest `limit` up to the end. The
 * venue has no bars of five seconds; they are made from those of one.
 */
export async function fetchBars(query: CandleQuery, fetchPage: FetchPage): Promise<readonly Bar[]> {
  const { interval, fromMs, toMs, limit } = query;
  if (fromMs !== null && toMs !== null && fromMs > toMs) return [];
  if (interval === '5s') return fetchFolded(query, fetchPage);
  return (await fetchSpan({ symbol: query.symbol, interval, fromMs, toMs, rows: limit }, fetchPage)).bars;
}

const PARTS = CANDLE_INTERVALS['5s'] / CANDLE_INTERVALS['1s'];

async function fetchFolded(
  { symbol, fromMs, toMs, limit }: CandleQuery,
  fetchPage: FetchPage,
): Promise<readonly Bar[]> {
  const lengthMs = CANDLE_INTERVALS['5s'];
  const window = {
    symbol,
    interval: '1s',
    // The limits are of the long bars' open times: the parts reach from the first one's start to the last one's end.
    fromMs: fromMs === null ? null : Math.ceil(fromMs / lengthMs) * lengthMs,
    toMs: toMs === null ? null : Math.floor(toMs / lengthMs) * lengthMs + lengthMs - 1,
  } as const;
  if (window.fromMs !== null) {
    const { bars } = await fetchSpan({ ...window, rows: limit * PARTS }, fetchPage);
    return foldBars(bars, lengthMs).slice(0, limit);
  }
  // Some more than the limit needs, for the oldest of them may be the tail of a long bar, which is then left out.
  const { bars, exhausted } = await fetchSpan({ ...window, rows: limit * PARTS + PARTS - 1 }, fetchPage);
  const folded = foldBars(bars, lengthMs);
  const whole = exhausted || bars[0]?.openMs === folded[0]?.openMs;
  return folded.slice(whole ? 0 : 1).slice(-limit);
}

async function fetchSpan(span: Span, fetchPage: FetchPage): Promise<Bars> {
  return span.fromMs === null ? newest(span, fetchPage) : oldest(span, span.fromMs, fetchPage);
}

async function oldest(span: Span, fromMs: number, fetchPage: FetchPage): Promise<Bars> {
  const bars: Bar[] = [];
  let nextMs = fromMs;
  while (bars.length < span.rows) {
    const rows = Math.min(span.rows - bars.length, PAGE_ROWS);
    const page = await fetchPage({ ...span, fromMs: nextMs, rows });
    // Also keeps a server that takes no notice of the window from holding us for ever.
    const fresh = page.filter(({ openMs }) => openMs >= nextMs);
    bars.push(...fresh);
    const last = fresh.at(-1);
    if (last === undefined || page.length < rows) return { bars, exhausted: true };
    nextMs = last.openMs + 1;
    if (span.toMs !== null && nextMs > span.toMs) return { bars, exhausted: true };
  }
  return { bars, exhausted: false };
}

async function newest(span: Span, fetchPage: FetchPage): Promise<Bars> {
  let bars: readonly Bar[] = [];
  let endMs = span.toMs;
  while (bars.length < span.rows) {
    const rows = Math.min(span.rows - bars.length, PAGE_ROWS);
    const page = await fetchPage({ ...span, toMs: endMs, rows });
    const fresh = page.filter(({ openMs }) => endMs === null || openMs <= endMs);
    bars = [...fresh, ...bars];
    const first = fresh[0];
    if (first === undefined || page.length < rows || first.openMs === 0) return { bars, exhausted: true };
    endMs = first.openMs - 1;
  }
  return { bars, exhausted: false };
}

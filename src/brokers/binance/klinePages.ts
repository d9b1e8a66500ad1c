import type { CandleQuery } from '../BaseBroker.ts';
import { readNewest, readOldest } from '../historyPages.ts';
import type { HistoryPage, HistorySpan } from '../historyPages.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import { foldBars } from './restReplies.ts';
import type { Bar } from './restReplies.ts';
import { PAGE_ROWS } from './restRequests.ts';
import type { KlineWindow } from './restRequests.ts';

/** Asks the venue once: the bars of a window, oldest first. */
export type FetchKlines = (window: KlineWindow) => Promise<readonly Bar[]>;

interface Span extends KlineWindow {
  /** Takes several pages if it is more than PAGE_ROWS. */
  readonly rows: number;
}

/**
 * The bars of a query, oldest first: with a start the oldest `limit` from there, else the newest `limit` up to the end.
 * The venue has no bars of five seconds; they are made from those of one.
 */
export async function fetchBars(asked: CandleQuery, fetchPage: FetchKlines): Promise<readonly Bar[]> {
  const query = withinEpoch(asked);
  const { interval, fromMs, toMs, limit } = query;
  if (toMs !== null && (toMs < 0 || (fromMs ?? 0) > toMs)) return [];
  if (fromMs !== null && fromMs > LAST_MS) return [];
  if (interval === '5s') return fetchFolded(query, fetchPage);
  return (await fetchSpan({ symbol: query.symbol, interval, fromMs, toMs, rows: limit }, fetchPage)).items;
}

/** The venue takes larger numbers for microseconds. */
const LAST_MS = 9_999_999_999_999;

/** The venue refuses times before 1970, and misreads those after 2286; it has no bars of either. */
function withinEpoch(query: CandleQuery): CandleQuery {
  const { fromMs, toMs } = query;
  return {
    ...query,
    fromMs: fromMs === null ? null : Math.max(fromMs, 0),
    toMs: toMs !== null && toMs > LAST_MS ? null : toMs,
  };
}

const PARTS = CANDLE_INTERVALS['5s'] / CANDLE_INTERVALS['1s'];

async function fetchFolded(
  { symbol, fromMs, toMs, limit }: CandleQuery,
  fetchPage: FetchKlines,
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
    const { items: bars } = await fetchSpan({ ...window, rows: limit * PARTS }, fetchPage);
    return foldBars(bars, lengthMs).slice(0, limit);
  }
  // Some more than the limit needs, for the oldest of them may be the tail of a long bar, which is then left out.
  const { items: bars, isExhausted } = await fetchSpan({ ...window, rows: limit * PARTS + PARTS - 1 }, fetchPage);
  const folded = foldBars(bars, lengthMs);
  const whole = isExhausted || bars[0]?.openMs === folded[0]?.openMs;
  return folded.slice(whole ? 0 : 1).slice(-limit);
}

function fetchSpan({ fromMs, toMs, rows, ...names }: Span, fetchPage: FetchKlines): Promise<HistorySpan<Bar>> {
  const ask = async (window: Pick<KlineWindow, 'fromMs' | 'toMs'>, count: number): Promise<HistoryPage<Bar>> => {
    const pageRows = Math.min(count, PAGE_ROWS);
    const items = await fetchPage({ ...names, ...window, rows: pageRows });
    return { items, isLast: items.length < pageRows };
  };
  if (fromMs !== null) {
    return readOldest({
      fromMs,
      toMs,
      limit: rows,
      stepMs: 1,
      fetchPage: (nextMs, count) => ask({ fromMs: nextMs, toMs }, count),
    });
  }
  return readNewest({
    beforeMs: toMs === null ? null : toMs + 1,
    limit: rows,
    fetchPage: (beforeMs, count) => ask({ fromMs: null, toMs: beforeMs === null ? null : beforeMs - 1 }, count),
  });
}

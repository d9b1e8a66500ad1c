import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import { GatewayError } from '../../shared/errors.ts';
import { readNewest, readOldest } from '../historyPages.ts';
import type { VenueCandle } from './restReplies.ts';
import { PAGE_CANDLES } from './restRequests.ts';
import type { CandleSpecification, CandleWindow, OandaInterval } from './restRequests.ts';

/**
 * Makes one request; candles come oldest first. `count`: the venue refuses a page of that size; `future`: it says that
 * the window ends in the future.
 */
export type FetchCandles = (window: CandleWindow) => Promise<readonly VenueCandle[] | 'count' | 'future'>;

/** A request for history, of any length. */
export interface CandleSpan {
  readonly symbol: string;
  readonly interval: OandaInterval;
  /** Bounds of open times, inclusive. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly limit: number;
}

/** No market of the venue is older, and it refuses times that it can't represent. */
const EARLIEST_MS = Date.UTC(1990, 0, 1);
const SMALLEST_PAGE = 50;

/**
 * The candles of a span, oldest first: with a start the oldest `limit` from there, else the newest `limit` up to the
 * end. The venue counts candles, not time, so that holes cost nothing.
 */
export async function fetchSpan(
  { symbol, interval, fromMs, toMs, limit }: CandleSpan,
  nowMs: number,
  fetchPage: FetchCandles,
): Promise<readonly VenueCandle[]> {
  // All of it is older than any market; the venue would refuse the time.
  if (toMs !== null && toMs < EARLIEST_MS) return [];
  const pages = new Pages({ symbol, interval }, fetchPage);
  const lengthMs = CANDLE_INTERVALS[interval];
  if (fromMs === null) {
    const newest = await readNewest({
      beforeMs: toMs === null || toMs >= nowMs ? null : toMs + 1,
      limit,
      fetchPage: async (endMs, count) => ({ items: await pages.fetch({ fromMs: null, endMs, count }), isLast: false }),
    });
    return newest.items;
  }
  const oldest = await readOldest({
    fromMs: Math.ceil(Math.max(fromMs, EARLIEST_MS) / lengthMs) * lengthMs,
    toMs,
    limit,
    stepMs: lengthMs,
    fetchPage: async (nextMs, count) => {
      const slots = toMs === null ? count : Math.floor((toMs - nextMs) / lengthMs) + 1;
      const items = await pages.fetch({ fromMs: nextMs, endMs: null, count: Math.min(count, slots) });
      return { items, isLast: items.at(-1)?.complete !== true };
    },
  });
  return oldest.items;
}

/**
 * Fetches pages, and halves their size when the venue calls one too large: for a while in 2019 it took no more than
 * 500. Throws BROKER_UNAVAILABLE if it calls every page too large.
 */
class Pages {
  readonly #candles: CandleSpecification;
  readonly #fetchPage: FetchCandles;
  #size = PAGE_CANDLES;

  constructor(candles: CandleSpecification, fetchPage: FetchCandles) {
    this.#candles = candles;
    this.#fetchPage = fetchPage;
  }

  async fetch(window: Pick<CandleWindow, 'fromMs' | 'endMs' | 'count'>): Promise<readonly VenueCandle[]> {
    const { symbol, interval } = this.#candles;
    let { endMs } = window;
    for (;;) {
      const count = Math.min(window.count, this.#size);
      const page = await this.#fetchPage({ symbol, interval, fromMs: window.fromMs, endMs, count });
      if (typeof page !== 'string') return page;
      // There is nothing in the future, so the window needs no end.
      if (page === 'future') {
        if (endMs === null) return [];
        endMs = null;
      } else {
        // An empty answer would claim that there are no candles.
        if (count <= SMALLEST_PAGE) throw new GatewayError('BROKER_UNAVAILABLE', 'The venue gives no page of candles.');
        this.#size = Math.ceil(count / 2);
      }
    }
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchSpan } from '../../../../src/brokers/oanda/candlePages.ts';
import type { CandleSpan } from '../../../../src/brokers/oanda/candlePages.ts';
import type { VenueCandle } from '../../../../src/brokers/oanda/restReplies.ts';
import type { CandleWindow } from '../../../../src/brokers/oanda/restRequests.ts';
import { decimal } from '../../../../src/market/decimal.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 2);
const one = decimal('1');
const bar = { open: one, high: one, low: one, close: one, volume: one, tradeCount: null };

/** A venue with a candle in each of these minutes, the last of which still grows at `now`. */
function venue(minutes: readonly number[], { page = 5_000, now = START + 1_000 * MINUTE } = {}) {
  const candles = minutes.map((minute): VenueCandle => {
    const openMs = START + minute * MINUTE;
    return { openMs, complete: openMs + MINUTE <= now, bar };
  });
  const asked: CandleWindow[] = [];
  const fetch = (window: CandleWindow) => {
    asked.push(window);
    const { fromMs, endMs, count } = window;
    if (count > page) return Promise.resolve('count' as const);
    if ((fromMs ?? 0) > now || (endMs ?? 0) > now) return Promise.resolve('future' as const);
    if (fromMs !== null) return Promise.resolve(candles.filter(({ openMs }) => openMs >= fromMs).slice(0, count));
    return Promise.resolve(candles.filter(({ openMs }) => endMs === null || openMs < endMs).slice(-count));
  };
  return { asked, fetch, now };
}

const span = (fields: Partial<CandleSpan>): CandleSpan => ({
  symbol: 'EUR_USD',
  interval: '1m',
  fromMs: null,
  toMs: null,
  limit: 5_000,
  ...fields,
});
const at = (minute: number): number => START + minute * MINUTE;
const minutesOf = (candles: readonly VenueCandle[]): number[] => candles.map(({ openMs }) => (openMs - START) / MINUTE);

describe('the candles of a query', () => {
  it('are the oldest from a start, holes or not, with one request', async () => {
    const { fetch, asked, now } = venue([1, 2, 7, 8, 9, 500]);
    expect(minutesOf(await fetchSpan(span({ fromMs: at(2), limit: 3 }), now, fetch))).toEqual([2, 7, 8]);
    expect(asked).toHaveLength(1);
  });

  it('are the newest up to an end, inclusive', async () => {
    const { fetch, now } = venue([1, 2, 7, 8, 9]);
    expect(minutesOf(await fetchSpan(span({ toMs: at(8), limit: 2 }), now, fetch))).toEqual([7, 8]);
    expect(minutesOf(await fetchSpan(span({ limit: 2 }), now, fetch))).toEqual([8, 9]);
  });

  it('lie between a start and an end, both inclusive, with a count that is no larger than what lies there', async () => {
    const { fetch, asked, now } = venue([1, 2, 7, 8, 9]);
    expect(minutesOf(await fetchSpan(span({ fromMs: at(2), toMs: at(8) }), now, fetch))).toEqual([2, 7, 8]);
    expect(asked.map(({ count }) => count)).toEqual([7]);
    expect(await fetchSpan(span({ fromMs: at(3), toMs: at(6) }), now, fetch)).toEqual([]);
  });

  it('begin with the first that opens after a start within a candle', async () => {
    const { fetch, now } = venue([1, 2, 3]);
    expect(minutesOf(await fetchSpan(span({ fromMs: at(1) + 1 }), now, fetch))).toEqual([2, 3]);
  });

  it('are none in the future, whatever our clock says', async () => {
    const { fetch } = venue([1, 2, 3], { now: at(4) });
    const ahead = at(60);
    expect(await fetchSpan(span({ fromMs: at(30) }), ahead, fetch)).toEqual([]);
    expect(minutesOf(await fetchSpan(span({ toMs: at(30), limit: 2 }), ahead, fetch))).toEqual([2, 3]);
  });

  it('end with the one that still grows', async () => {
    const { fetch, asked } = venue([1, 2, 3], { now: at(3) + 1 });
    const candles = await fetchSpan(span({ fromMs: at(1) }), at(3), fetch);
    expect(candles.map(({ complete }) => complete)).toEqual([true, true, false]);
    expect(asked).toHaveLength(1);
  });

  it('come in smaller pages if the venue finds them too large', async () => {
    const minutes = Array.from({ length: 900 }, (_, index) => index);
    const { fetch, asked, now } = venue(minutes, { page: 500 });
    expect(minutesOf(await fetchSpan(span({ fromMs: at(0), limit: 800 }), now, fetch))).toEqual(minutes.slice(0, 800));
    expect(asked.filter(({ count }) => count > 500)).toHaveLength(1);
    expect(minutesOf(await fetchSpan(span({ limit: 800 }), now, fetch))).toEqual(minutes.slice(100));
  });

  it.each([{ fromMs: at(0) }, {}])('are not reported as none if a venue accepts no page at all', async (fields) => {
    const asked = fetchSpan(span(fields), START, () => Promise.resolve('count'));
    await expect(asked).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });

  it('end if a venue ignores the window', async () => {
    const same = [{ openMs: at(5), complete: true, bar }];
    expect(await fetchSpan(span({ fromMs: at(0), limit: 10 }), START, () => Promise.resolve(same))).toEqual(same);
    expect(await fetchSpan(span({ limit: 10 }), START, () => Promise.resolve(same))).toEqual(same);
  });

  it('are the same however large the pages are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(900), { maxLength: 300 }),
        fc.option(fc.nat(900)),
        fc.option(fc.nat(900)),
        fc.integer({ min: 1, max: 300 }),
        async (unsorted, from, to, limit) => {
          const minutes = unsorted.toSorted((a, b) => a - b);
          const inside = minutes.filter((minute) => minute >= (from ?? 0) && minute <= (to ?? 900));
          const expected = from === null ? inside.slice(-limit) : inside.slice(0, limit);
          for (const page of [5_000, 60]) {
            const { fetch, now } = venue(minutes, { page });
            const query = span({ fromMs: from === null ? null : at(from), toMs: to === null ? null : at(to), limit });
            expect(minutesOf(await fetchSpan(query, now, fetch))).toEqual(expected);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

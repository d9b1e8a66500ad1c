import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchBars } from '../../../../src/brokers/binance/klinePages.ts';
import { foldBars } from '../../../../src/brokers/binance/restReplies.ts';
import type { Bar } from '../../../../src/brokers/binance/restReplies.ts';
import { PAGE_ROWS } from '../../../../src/brokers/binance/restRequests.ts';
import type { KlineWindow } from '../../../../src/brokers/binance/restRequests.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { CandleInterval } from '../../../../src/market/marketData.ts';

/** The venue's history of one-second bars, some of them missing. */
function history(count: number, isMissing: (second: number) => boolean, startSecond = 3): Bar[] {
  return Array.from({ length: count }, (_, index) => index + startSecond)
    .filter((second) => !isMissing(second))
    .map((second) => {
      const price = decimal(String(100 + (second % 7)));
      const openMs = second * 1_000;
      return {
        openMs,
        lastMs: openMs + 999,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: decimal('1'),
        trades: 1,
      };
    });
}

/** What the venue does with a window. */
function page(bars: readonly Bar[], { fromMs, toMs, rows }: KlineWindow): readonly Bar[] {
  expect(rows).toBeLessThanOrEqual(PAGE_ROWS);
  const within = bars.filter(
    ({ openMs }) => (fromMs === null || openMs >= fromMs) && (toMs === null || openMs <= toMs),
  );
  return fromMs === null ? within.slice(-rows) : within.slice(0, rows);
}

function unasked(): Promise<never> {
  return Promise.reject(new Error('was asked'));
}

interface Question {
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly limit: number;
}

async function ask(bars: readonly Bar[], interval: CandleInterval, question: Question): Promise<readonly Bar[]> {
  return fetchBars({ symbol: 'X', interval, ...question }, (window) => Promise.resolve(page(bars, window)));
}

/** The same, said in one line. */
function expected(bars: readonly Bar[], { fromMs, toMs, limit }: Question): readonly Bar[] {
  const within = bars.filter(
    ({ openMs }) => (fromMs === null || openMs >= fromMs) && (toMs === null || openMs <= toMs),
  );
  return fromMs === null ? within.slice(-limit) : within.slice(0, limit);
}

const instant = fc.option(fc.integer({ min: 0, max: 4_200_000 }), { nil: null });
const question = fc.record({ fromMs: instant, toMs: instant, limit: fc.integer({ min: 1, max: 3_000 }) });
const market = fc.record({
  count: fc.integer({ min: 0, max: 4_000 }),
  startSecond: fc.integer({ min: 0, max: 9 }),
  missing: fc.array(fc.integer({ min: 0, max: 4_000 }), { maxLength: 40 }),
});

describe('fetchBars', () => {
  it.each(['1s', '5s'] as const)(
    'gives of %s bars exactly those that were asked for, however many pages that takes',
    async (interval) => {
      await fc.assert(
        fc.asyncProperty(market, question, async ({ count, startSecond, missing }, asked) => {
          const gaps = new Set(missing);
          const bars = history(count, (second) => gaps.has(second), startSecond);
          const whole = interval === '5s' ? foldBars(bars, 5_000) : bars;
          const got = await ask(bars, interval, asked);
          expect(got.map(({ openMs }) => openMs)).toEqual(expected(whole, asked).map(({ openMs }) => openMs));
          expect(got).toEqual(expected(whole, asked));
        }),
        { numRuns: 60 },
      );
    },
  );

  it('asks no more often than it must', async () => {
    const bars = history(5_000, () => false);
    const windows: KlineWindow[] = [];
    await fetchBars({ symbol: 'X', interval: '1s', fromMs: null, toMs: null, limit: 2_500 }, (window) => {
      windows.push(window);
      return Promise.resolve(page(bars, window));
    });
    expect(windows.map(({ rows }) => rows)).toEqual([1_000, 1_000, 500]);
  });

  it('ends though the venue takes no notice of the window', async () => {
    const bars = history(1_000, () => false);
    const stubborn = (): Promise<readonly Bar[]> => Promise.resolve(bars);
    for (const fromMs of [null, 3_000]) {
      const got = await fetchBars({ symbol: 'X', interval: '1s', fromMs, toMs: null, limit: 5_000 }, stubborn);
      expect(got).toEqual(bars);
    }
  });

  it('asks nothing if the end is before the start', async () => {
    expect(await fetchBars({ symbol: 'X', interval: '1m', fromMs: 2, toMs: 1, limit: 5 }, unasked)).toEqual([]);
  });
});

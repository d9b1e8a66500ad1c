import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  AggregateTrades,
  BinanceErrorBody,
  BookTicker,
  Depth,
  ExchangeInfo,
  fromAggregateTrade,
  fromBookTicker,
  fromRecentTrade,
  klineRowsOf,
  ListedName,
  RecentTrades,
  SymbolInfo,
  toBar,
  toBinanceInstrument,
  toCandles,
  toDepthSnapshot,
  WeightLimit,
} from '../../../../src/brokers/binance/restReplies.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { parseJson } from '../../../../src/transport/json.ts';
import { expectSane } from '../../../support/eventInvariants.ts';
import { mutated } from '../../../support/mutations.ts';
import { hasRecordings, recordingJson, recordingLines } from '../../../support/recordings.ts';

const Recorded = z.array(z.object({ endpoint: z.string(), raw: z.string() }));
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The events that a reply of each endpoint stands for; none if it is refused. */
const EVENTS: Readonly<Record<string, (reply: unknown) => readonly FeedEventDraft[]>> = {
  '/api/v3/depth': (reply) => {
    const book = Depth.safeParse(reply).data;
    if (book === undefined) return [];
    const time = fromEpochMs(NOW_MS);
    return [{ type: 'orderbook', kind: 'snapshot', time, receivedAt: time, ...toDepthSnapshot(book) }];
  },
  '/api/v3/trades': (reply) =>
    (RecentTrades.safeParse(reply).data ?? []).map((raw) => fromRecentTrade(raw, NOW_MS).trade),
  '/api/v3/aggTrades': (reply) =>
    (AggregateTrades.safeParse(reply).data ?? []).map((raw) => fromAggregateTrade(raw, NOW_MS).trade),
  '/api/v3/klines': (reply) => {
    const bars = (klineRowsOf('5m').safeParse(reply).data ?? []).map(toBar);
    return toCandles(bars, '5m', { receivedMs: NOW_MS, venueMs: NOW_MS });
  },
  '/api/v3/ticker/bookTicker': (reply) => {
    const ticker = BookTicker.safeParse(reply).data;
    const tick = ticker === undefined ? null : fromBookTicker(ticker, NOW_MS);
    return tick === null ? [] : [tick];
  },
};

describe.runIf(hasRecordings)('replies that were recorded, and then changed at random', () => {
  const recorded = hasRecordings ? Recorded.parse(recordingLines('binance/rest.jsonl')) : [];
  const used = recorded.filter(({ endpoint, raw }) => EVENTS[endpoint] !== undefined && raw.length < 5_000);

  it('are refused, or stand for events that can be', () => {
    const reply = fc
      .constantFrom(...used)
      .chain(({ endpoint, raw }) => fc.record({ endpoint: fc.constant(endpoint), text: mutated(raw) }));
    let accepted = 0;
    fc.assert(
      fc.property(reply, ({ endpoint, text }) => {
        for (const event of EVENTS[endpoint]?.(parseJson(text)) ?? []) {
          expectSane(event, Number.POSITIVE_INFINITY);
          accepted += 1;
        }
        BinanceErrorBody.safeParse(parseJson(text));
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('of the listing describe instruments with steps that can be, each for itself', () => {
    const listing = ExchangeInfo.parse(recordingJson('binance/rest-exchangeInfo-2025-08-07-binance-25sym.json'));
    const few = JSON.stringify({ rateLimits: listing.rateLimits, symbols: listing.symbols.slice(0, 2) });
    fc.assert(
      fc.property(mutated(few), (text) => {
        const { data } = ExchangeInfo.safeParse(parseJson(text));
        for (const entry of data?.rateLimits ?? []) {
          const limit = WeightLimit.safeParse(entry).data?.limit ?? 1;
          expect(Number.isSafeInteger(limit) && limit > 0).toBe(true);
        }
        for (const entry of data?.symbols ?? []) {
          ListedName.safeParse(entry);
          const info = SymbolInfo.safeParse(entry).data;
          if (info === undefined) continue;
          const { symbol, tickSize, lotSize } = toBinanceInstrument(info);
          expect(symbol).not.toBe('');
          for (const step of [tickSize, lotSize]) expect(step ?? '1').toMatch(/^(?=.*[1-9])\d+(\.\d+)?$/);
        }
      }),
      { numRuns: 250 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fromKline,
  parseCandle,
  parseDepth,
  parseFrame,
  parseTick,
  parseTrade,
  toBinanceTick,
  toBookDelta,
  toBookSnapshot,
  toTrade,
} from '../../../../src/brokers/binance/streamMessages.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { hasRecordings, recordingLines } from '../../../support/recordings.ts';
import { z } from 'zod';

const receivedAt = fromEpochMs(Date.UTC(2026, 0, 2));

const trade = {
  venueId: 42,
  price: decimal('83034.29000000'),
  size: decimal('0.00062000'),
  tradedAt: 1790649901912,
  sentAt: 1790649901913,
  buyerIsMaker: true,
};

describe('mapping', () => {
  it('gives a trade the time of the trade and the side of the taker', () => {
    expect(toTrade(trade, receivedAt)).toEqual({
      type: 'trade',
      time: '2026-09-29T02:45:01.912Z',
      receivedAt,
      tradeId: '42',
      price: '83034.29000000',
      size: '0.00062000',
      side: 'sell',
      backfilled: false,
    });
    expect(toTrade({ ...trade, buyerIsMaker: false }, receivedAt).side).toBe('buy');
  });

  it("gives a trade the venue's id digit for digit, whichever was before it", () => {
    const id = fc.oneof(fc.nat(3_000), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.array(fc.tuple(id, fc.nat(1_100))), (runs) => {
        for (const [first, more] of runs) {
          for (const venueId of [first, first + 1, first + more]) {
            expect(toTrade({ ...trade, venueId }, receivedAt).tradeId).toBe(String(venueId));
          }
        }
      }),
    );
  });

  it('stamps a tick, which has no time, with that of its receipt', () => {
    const tick = toBinanceTick(
      { updateId: 1, bid: decimal('10.10'), bidSize: decimal('1.00'), ask: decimal('10.13'), askSize: decimal('2') },
      receivedAt,
    );
    expect(tick).toEqual({
      type: 'tick',
      time: receivedAt,
      receivedAt,
      bid: '10.10',
      bidSize: '1.00',
      ask: '10.13',
      askSize: '2',
      last: null,
      mid: '10.115',
      spread: '0.03',
    });
  });

  it.each([
    ['0.00000000', '10'],
    ['10', '0.00'],
  ])('makes no tick of a book without a side (%s, %s)', (bid, ask) => {
    const message = { updateId: 1, bid: decimal(bid), bidSize: decimal('0'), ask: decimal(ask), askSize: decimal('0') };
    expect(toBinanceTick(message, receivedAt)).toBeNull();
  });

  it('ends a candle when the next one begins, and closes it by the flag alone', () => {
    const message = {
      sentAt: 1737447190000,
      openAt: 1737447120000,
      lastAt: 1737447179999,
      interval: '1m',
      open: decimal('4'),
      high: decimal('5'),
      low: decimal('2'),
      close: decimal('3'),
      volume: decimal('7.50'),
      tradeCount: 40,
      closed: false,
    };
    expect(fromKline(message, '1m', receivedAt)).toEqual({
      type: 'candle',
      time: '2025-01-21T08:13:10.000Z',
      receivedAt,
      interval: '1m',
      openTime: '2025-01-21T08:12:00.000Z',
      closeTime: '2025-01-21T08:13:00.000Z',
      open: '4',
      high: '5',
      low: '2',
      close: '3',
      volume: '7.50',
      tradeCount: 40,
      closed: false,
      backfilled: false,
    });
    expect(fromKline({ ...message, closed: true }, '1m', receivedAt).closed).toBe(true);
    // A halt cut it short.
    const short = fromKline({ ...message, lastAt: 1737447150499, closed: true }, '1m', receivedAt);
    expect(short.closeTime).toBe('2025-01-21T08:12:30.500Z');
  });

  it('leaves the levels of a book as they are', () => {
    const bids = [{ price: decimal('10.50'), size: decimal('0.00000000') }];
    const asks = [{ price: decimal('11'), size: decimal('92233720368.54775807') }];
    const delta = toBookDelta({ firstId: 1, lastId: 2, sentAt: 0, bids, asks }, receivedAt);
    expect(delta).toEqual({
      type: 'orderbook',
      kind: 'delta',
      time: '1970-01-01T00:00:00.000Z',
      receivedAt,
      bids,
      asks,
    });
    expect(toBookSnapshot({ bids, asks }, receivedAt)).toEqual({ ...delta, kind: 'snapshot', time: receivedAt });
  });
});

const Line = z.object({ k: z.string(), raw: z.string().optional() });

describe.runIf(hasRecordings)('a recorded session', () => {
  it.each([
    'session-2021-04-05-binance-10sym',
    'session-2021-04-17-binanceus-10sym',
    'session-2021-08-14-binance-4sym',
    'session-2021-10-12-binance-4sym',
  ])('%s is mapped whole, digit for digit', (name) => {
    let mapped = 0;
    for (const line of recordingLines(`binance/${name}.jsonl`)) {
      const { k, raw = '' } = Line.parse(line);
      if (k !== 'ws') continue;
      const frame = parseFrame(raw);
      if (frame?.kind !== 'data') throw new Error(`not data: ${raw}`);
      for (const digits of digitsOf(frame.stream, frame.data)) expect(raw).toContain(`"${digits}"`);
      mapped += 1;
    }
    expect(mapped).toBeGreaterThan(200);
  });
});

function digitsOf(stream: string, data: unknown): string[] {
  if (stream.endsWith('@bookTicker')) {
    const message = parseTick(data);
    const tick = message && toBinanceTick(message, receivedAt);
    if (!tick) throw new Error('not a tick');
    return [tick.bid, tick.ask, tick.bidSize ?? '', tick.askSize ?? ''];
  }
  if (stream.includes('@kline_')) {
    const message = parseCandle(data);
    if (!message) throw new Error('not a candle');
    const { open, high, low, close, volume } = fromKline(message, '1m', receivedAt);
    return [open, high, low, close, volume];
  }
  if (stream.endsWith('@aggTrade')) {
    const record = { ...(data as object), e: 'trade', t: 1 };
    const message = parseTrade(record);
    if (!message) throw new Error('not a trade');
    const { price, size } = toTrade(message, receivedAt);
    return [price, size];
  }
  const message = parseDepth(data);
  if (!message) throw new Error(`not a diff: ${stream}`);
  const { bids, asks } = toBookDelta(message, receivedAt);
  return [...bids, ...asks].flatMap(({ price, size }) => [price, size]);
}

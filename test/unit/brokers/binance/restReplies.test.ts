import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  toBar,
  toDepthSnapshot,
  toBinanceInstrument,
  fromBookTicker,
  AggregateTrades,
  BookTicker,
  Depth,
  ExchangeInfo,
  KlineRows,
  klineRowsOf,
  RecentTrades,
  SymbolInfo,
  WeightLimit,
  foldBars,
  fromAggregateTrade,
  fromRecentTrade,
  toCandles,
} from '../../../../src/brokers/binance/restReplies.ts';
import { isZero, decimal } from '../../../../src/market/decimal.ts';
import { hasRecordings, recordingJson, recordingLines } from '../../../support/recordings.ts';
import type { Bar } from '../../../../src/brokers/binance/restReplies.ts';

const RestRecordings = z.array(z.object({ id: z.string(), endpoint: z.string(), raw: z.string() }));
const SessionRecords = z.array(z.object({ k: z.string(), url: z.string().default(''), raw: z.string().default('') }));
const RawBook = z.object({ bids: z.array(z.array(z.string())), asks: z.array(z.array(z.string())) });

const SCHEMAS = {
  '/api/v3/depth': Depth,
  '/api/v3/trades': RecentTrades,
  '/api/v3/aggTrades': AggregateTrades,
  '/api/v3/klines': KlineRows,
  '/api/v3/ticker/bookTicker': BookTicker,
} as const;

function isUsed(endpoint: string): endpoint is keyof typeof SCHEMAS {
  return Object.hasOwn(SCHEMAS, endpoint);
}

describe('restMessages', () => {
  it.each([
    ['NaN', 'NaN'],
    ['an exponent', '1e308'],
    ['a sign', '-1.5'],
    ['too many digits', '1'.repeat(41)],
    ['a number', 1.5],
    ['nothing', ''],
    ['zero', '0.00000000'],
  ])('refuses a price that is %s', (_name, price) => {
    expect(Depth.safeParse({ lastUpdateId: 1, bids: [[price, '1']], asks: [] }).success).toBe(false);
  });

  it.each([[-1], [1.5], [2 ** 60], ['7'], [null]])('refuses the update id %o', (lastUpdateId) => {
    expect(Depth.safeParse({ lastUpdateId, bids: [], asks: [] }).success).toBe(false);
  });

  it.each([
    ['a price of zero', [0, '0', '2', '0', '1', '5', 59_999, '', 1]],
    ['an end before its beginning', [60_000, '1', '2', '1', '1', '5', 59_999, '', 1]],
    ['a highest price that is not', [0, '1', '2', '1', '3', '5', 59_999, '', 1]],
    ['a lowest price that is not', [0, '1', '3', '2', '2', '5', 59_999, '', 1]],
  ])('refuses a bar with %s', (_name, row) => {
    expect(KlineRows.safeParse([[0, '1', '2', '1', '1', '5', 59_999, '', 1]]).success).toBe(true);
    expect(KlineRows.safeParse([row]).success).toBe(false);
  });

  it('refuses bars that are longer than was asked for', () => {
    const rows = [[0, '1', '2', '1', '1', '5', 60_000, '', 1]];
    expect(klineRowsOf('5m').safeParse(rows).success).toBe(true);
    expect(klineRowsOf('1m').safeParse(rows).success).toBe(false);
  });

  it('keeps every digit, and ignores what it does not know', () => {
    const raw = { lastUpdateId: 1, bids: [['0.10', '92233720368.54775807', []]], asks: [], news: true };
    expect(toDepthSnapshot(Depth.parse(raw))).toEqual({
      lastUpdateId: 1,
      bids: [{ price: '0.10', size: '92233720368.54775807' }],
      asks: [],
    });
  });
});

describe.skipIf(!hasRecordings)('recorded bodies', () => {
  const bodies = hasRecordings ? RestRecordings.parse(recordingLines('binance/rest.jsonl')) : [];

  it.each(
    bodies.map(({ id, endpoint, raw }) => [id, endpoint, raw] as const).filter(([, endpoint]) => isUsed(endpoint)),
  )('%s of %s is understood, digit for digit', (_id, endpoint, raw) => {
    const body: unknown = JSON.parse(raw);
    const parsed: object = isUsed(endpoint) ? SCHEMAS[endpoint].parse(body) : {};
    // Objects lose the members that are not used; rows and levels keep theirs.
    expect(body).toMatchObject(parsed);
  });

  it('has a body for every schema of a reply', () => {
    const seen = new Set(bodies.map(({ endpoint }) => endpoint));
    expect(Object.keys(SCHEMAS).filter((endpoint) => !seen.has(endpoint))).toEqual([]);
  });

  it('maps the recorded quote', () => {
    const raw = bodies.find(({ endpoint }) => endpoint === '/api/v3/ticker/bookTicker')?.raw ?? '';
    expect(fromBookTicker(BookTicker.parse(JSON.parse(raw)), 0)).toEqual({
      type: 'tick',
      time: '1970-01-01T00:00:00.000Z',
      receivedAt: '1970-01-01T00:00:00.000Z',
      bid: '60741.67000000',
      bidSize: '0.36580000',
      ask: '60741.68000000',
      askSize: '0.45178000',
      last: null,
      mid: '60741.675',
      spread: '0.01',
    });
  });

  it('reads the recorded klines as open, high, low, close', () => {
    const raw = bodies.find(({ id }) => id === 'bn-rest-p-07')?.raw ?? '';
    expect(KlineRows.parse(JSON.parse(raw)).map(toBar)).toEqual([
      {
        openMs: 1_588_636_800_000,
        lastMs: 1_588_636_859_999,
        open: '8871.92000000',
        high: '8888.00000000',
        low: '8871.92000000',
        close: '8887.62000000',
        volume: '47.66737000',
        trades: 617,
      },
    ]);
  });

  it.each([
    ['session-2021-04-05-binance-10sym'],
    ['session-2021-04-17-binanceus-10sym'],
    ['session-2021-08-14-binance-4sym'],
    ['session-2021-10-12-binance-4sym'],
  ])('the snapshots of %s are whole', (session) => {
    const records = SessionRecords.parse(recordingLines(`binance/${session}.jsonl`));
    const snapshots = records.filter(({ k, url }) => k === 'rest' && url.includes('/depth'));
    expect(snapshots.length).toBeGreaterThan(0);
    for (const { raw } of snapshots) {
      const body = RawBook.parse(JSON.parse(raw));
      const { bids, asks } = toDepthSnapshot(Depth.parse(JSON.parse(raw)));
      expect(bids.map(({ price, size }) => [price, size])).toEqual(body.bids.map((level) => level.slice(0, 2)));
      expect(asks.map(({ price, size }) => [price, size])).toEqual(body.asks.map((level) => level.slice(0, 2)));
    }
  });

  it.each([
    ['2021-04-17-binanceus', 109, 105, 1_200],
    ['2021-10-12-binance', 1_695, 1_262, 1_200],
    ['2025-08-07-binance-25sym', 25, 12, 6_000],
  ])('the listing of %s is understood whole', (name, listed, tradable, limit) => {
    const info = ExchangeInfo.parse(recordingJson(`binance/rest-exchangeInfo-${name}.json`));
    const instruments = info.symbols.map((entry) => toBinanceInstrument(SymbolInfo.parse(entry)));
    expect(instruments).toHaveLength(listed);
    expect(instruments.filter((instrument) => instrument.tradable)).toHaveLength(tradable);
    expect(
      instruments.every(({ tickSize, lotSize }) => tickSize !== null && lotSize !== null && !isZero(tickSize)),
    ).toBe(true);
    const limits = info.rateLimits.map((entry) => WeightLimit.safeParse(entry).data?.limit);
    expect(limits.filter((value) => value !== undefined)).toEqual([limit]);
  });
});

const receivedMs = Date.UTC(2026, 0, 2);

function bar(openMs: number, prices: readonly [string, string, string, string], volume = '1'): Bar {
  const [open, high, low, close] = prices;
  return {
    openMs,
    lastMs: openMs + 999,
    open: decimal(open),
    high: decimal(high),
    low: decimal(low),
    close: decimal(close),
    volume: decimal(volume),
    trades: 1,
  };
}

describe('restMapping', () => {
  it.each([
    ['the rule is there', '0.01000000', '0.01000000'],
    ['the rule is off', '0.00000000', null],
    ['the rule is missing', undefined, null],
  ])('gives the step of prices and sizes as the venue writes it when %s', (_name, value, expected) => {
    const filters =
      value === undefined
        ? []
        : [
            { filterType: 'LOT_SIZE', stepSize: value },
            { filterType: 'MARKET_LOT_SIZE', stepSize: '9' },
            { filterType: 'PRICE_FILTER', tickSize: value },
          ];
    const raw = { symbol: 'ABCX', status: 'TRADING', baseAsset: 'A', quoteAsset: 'BCX', filters };
    expect(toBinanceInstrument(SymbolInfo.parse(raw))).toEqual({
      symbol: 'ABCX',
      displayName: 'A/BCX',
      base: 'A',
      quote: 'BCX',
      tickSize: expected,
      lotSize: expected,
      tradable: true,
    });
  });

  it.each(['BREAK', 'HALT', 'CANCEL_ONLY', 'SOMETHING_NEW'])('takes %s for not tradable', (status) => {
    const raw = { symbol: 'AB', status, baseAsset: 'A', quoteAsset: 'B', filters: [] };
    expect(toBinanceInstrument(SymbolInfo.parse(raw)).tradable).toBe(false);
  });

  it.each([
    [true, 'sell'],
    [false, 'buy'],
  ])('names the side of the taker: buyer was the maker %s', (maker, side) => {
    const [price, size] = [decimal('1.10'), decimal('2.0')];
    const recent = fromRecentTrade({ id: 5, price, qty: size, time: 1_000, isBuyerMaker: maker }, receivedMs);
    const aggregate = fromAggregateTrade({ a: 5, p: price, q: size, T: 1_000, m: maker }, receivedMs);
    expect(recent).toEqual({
      venueId: 5,
      trade: {
        type: 'trade',
        tradeId: '5',
        price: '1.10',
        size: '2.0',
        side,
        time: '1970-01-01T00:00:01.000Z',
        receivedAt: '2026-01-02T00:00:00.000Z',
        backfilled: true,
      },
    });
    expect(aggregate).toEqual(recent);
  });

  it.each([
    ['bid', { bidPrice: '0.00000000', bidQty: '0.00000000', askPrice: '5.1', askQty: '1' }],
    ['ask', { bidPrice: '5.1', bidQty: '1', askPrice: '0.00000000', askQty: '0.00000000' }],
  ])('takes an empty %s side for no quote, not for a price of 0', (_side, raw) => {
    expect(fromBookTicker(BookTicker.parse(raw), receivedMs)).toBeNull();
  });

  it('folds bars into longer ones that begin on the multiple of their length', () => {
    const folded = foldBars(
      [
        bar(4_000, ['1', '2', '1', '2']),
        bar(5_000, ['2', '9.5', '2', '3'], '0.1'),
        bar(6_000, ['3', '10.5', '0.5', '4'], '0.2'),
        bar(9_000, ['4', '4', '4', '4.0'], '0.3'),
        bar(20_000, ['7', '7', '7', '7']),
      ],
      5_000,
    );
    expect(folded.map(({ openMs, lastMs }) => [openMs, lastMs])).toEqual([
      [0, 4_999],
      [5_000, 9_999],
      [20_000, 24_999],
    ]);
    expect(folded[1]).toMatchObject({ open: '2', high: '10.5', low: '0.5', close: '4.0', volume: '0.6', trades: 3 });
  });

  it.each([
    ['has ended before the venue was asked', 2_000, true],
    ['ends with the millisecond in which the venue was asked', 1_999, false],
    ['still grows', 1_500, false],
  ])('says of the last bar whether it is closed when it %s', (_name, venueMs, closed) => {
    const bars = [bar(0, ['1', '1', '1', '1']), bar(1_000, ['1', '2', '1', '2'])];
    const candles = toCandles(bars, '1s', { receivedMs, venueMs });
    expect(candles.map((candle) => candle.closed)).toEqual([true, closed]);
    expect(candles.map((candle) => candle.backfilled)).toEqual([true, true]);
    expect(candles[1]).toMatchObject({
      openTime: '1970-01-01T00:00:01.000Z',
      closeTime: '1970-01-01T00:00:02.000Z',
      time: closed ? '1970-01-01T00:00:01.999Z' : '2026-01-02T00:00:00.000Z',
    });
  });

  it('ends a bar when the venue says, for a halt may cut it short', () => {
    const cut = { ...bar(0, ['1', '1', '1', '1']), lastMs: 400 };
    expect(toCandles([cut], '1s', { receivedMs, venueMs: 500 })).toMatchObject([
      { closeTime: '1970-01-01T00:00:00.401Z' },
    ]);
  });

  it('reads a row in microseconds as one in milliseconds', () => {
    const row = [1588740120000, '2', '3', '1', '2', '5', 1588740179999, '0', 2] as const;
    const micros = [1588740120000000, '2', '3', '1', '2', '5', 1588740179999999, '0', 2] as const;
    expect(KlineRows.parse([micros]).map(toBar)).toEqual(KlineRows.parse([row]).map(toBar));
    const trade = { id: 1, price: '1', qty: '1', time: 1634942949263001, isBuyerMaker: true };
    expect(RecentTrades.parse([trade]).map((raw) => fromRecentTrade(raw, 0).trade.time)).toEqual([
      '2021-10-22T22:49:09.263001Z',
    ]);
  });

  it('takes a bar with a newer one behind it for closed, though our idea of the venue’s time is behind', () => {
    const bars = [bar(0, ['1', '1', '1', '1']), bar(1_000, ['1', '2', '1', '2'])];
    expect(toCandles(bars, '1s', { receivedMs, venueMs: 0 }).map(({ closed }) => closed)).toEqual([true, false]);
  });
});

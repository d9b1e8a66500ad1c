import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { BinanceHosts } from '../../../../src/brokers/binance/BinanceHosts.ts';
import { BinanceRest } from '../../../../src/brokers/binance/BinanceRest.ts';
import { createLogger, silentLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { seededRandom } from '../../../../src/shared/random.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { hasRecordings, recordingText } from '../../../support/recordings.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { ScriptedServer } from '../../transport/ScriptedServer.ts';
import type { Answer } from '../../transport/ScriptedServer.ts';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

interface Setting {
  readonly venue: ScriptedServer;
  readonly rest: BinanceRest;
  readonly clock: FakeClock;
  readonly metrics: Metrics;
}

const VENUE_MS = 1_700_000_000_000;

async function set(
  script: (url: URL) => Answer,
  trades: 'individual' | 'aggregate' = 'individual',
  logger = silentLogger(),
): Promise<Setting> {
  const venue = stack.use(
    await ScriptedServer.start((request) => {
      const url = new URL(request.url ?? '', 'http://venue');
      return url.pathname === '/api/v3/time' ? { body: { serverTime: VENUE_MS } } : script(url);
    }),
  );
  const clock = new FakeClock();
  const metrics = new Metrics();
  const random = seededRandom(1);
  const rest = stack.use(
    new BinanceRest({
      brokerId: 'binance',
      restUrl: venue.url,
      queue: new BinanceHosts({ clock, random }).requests(venue.url),
      trades,
      clock,
      random,
      logger,
      metrics,
    }),
  );
  return { venue, rest, clock, metrics };
}

async function invalidCount(metrics: Metrics): Promise<number> {
  const { values } = await metrics.invalidMessages.get();
  return values.find(({ labels }) => labels.source === 'binance')?.value ?? 0;
}

function listing(...symbols: readonly unknown[]): Answer {
  const rateLimits = [
    { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 1 },
    { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 100 },
  ];
  return { body: { timezone: 'UTC', serverTime: 1, rateLimits, exchangeFilters: [], symbols } };
}

const BTCUSDT = { symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', filters: [] };
const refusal = (code: number): Answer => ({ status: 400, body: { code, msg: 'RAW TEXT' } });

describe('BinanceRest.fetchCatalog', () => {
  it('asks for what is listed, halted or not, and drops a malformed entry without losing the others', async () => {
    const { rest, venue, metrics } = await set(() =>
      listing({ symbol: 7 }, BTCUSDT, { ...BTCUSDT, symbol: 'H', status: 'HALT' }),
    );
    const catalog = await rest.fetchCatalog();
    expect(venue.requests).toEqual(['/api/v3/exchangeInfo?showPermissionSets=false']);
    expect(catalog.instruments.map(({ symbol, tradable }) => [symbol, tradable])).toEqual([
      ['BTCUSDT', true],
      ['H', false],
    ]);
    expect(await invalidCount(metrics)).toBe(1);
  });

  it.each([
    ['are missing', undefined],
    ['are no list', 3],
    ['hold a number', [{ filterType: 'PRICE_FILTER', tickSize: 0.01 }]],
    ['hold an exponent', [{ filterType: 'LOT_SIZE', stepSize: '1E-8' }]],
    ['hold no object', [null, 7]],
  ])('lists a symbol whose filters %s: its steps are not known', async (_, filters) => {
    const { rest } = await set(() => listing({ ...BTCUSDT, filters }));
    expect((await rest.fetchCatalog()).get('BTCUSDT')).toMatchObject({ tickSize: null, lotSize: null, tradable: true });
  });

  it.each([
    ['baseAsset', { baseAsset: undefined }],
    ['baseAsset', { baseAsset: 1 }],
    ['quoteAsset', { quoteAsset: '' }],
  ])('lists a symbol whose %s can not be read, under its own name', async (_, fields) => {
    const { rest } = await set(() => listing({ ...BTCUSDT, ...fields }));
    expect((await rest.fetchCatalog()).get('BTCUSDT')).toMatchObject({ displayName: 'BTCUSDT', tradable: true });
  });

  it('keeps the step that it can read beside one that it can not', async () => {
    const filters = [
      { filterType: 'PRICE_FILTER', tickSize: '0.01000000' },
      { filterType: 'LOT_SIZE', stepSize: 1e-8 },
    ];
    const { rest } = await set(() => listing({ ...BTCUSDT, filters }));
    expect((await rest.fetchCatalog()).get('BTCUSDT')).toMatchObject({ tickSize: '0.01000000', lotSize: null });
  });

  it('logs once, by name, each symbol that is left out', async () => {
    const output = new PassThrough();
    const logger = createLogger({ level: 'warn', pretty: false, output: Object.assign(output, { isTTY: false }) });
    const { rest } = await set(() => listing(BTCUSDT, { symbol: 'ODD' }), 'individual', logger);
    await rest.fetchCatalog();
    await rest.fetchCatalog();
    expect(String(output.read()).split('"ODD"')).toHaveLength(2);
  });

  it.each([-1101, -1104, -1128])(
    'asks for everything if the venue does not know the filter (%i), from then on',
    async (code) => {
      const { rest, venue } = await set((url) => (url.search === '' ? listing(BTCUSDT) : refusal(code)));
      expect((await rest.fetchCatalog()).get('BTCUSDT')).toMatchObject({ tradable: true });
      await rest.fetchCatalog();
      expect(venue.requests.map((path) => path.includes('?'))).toEqual([true, false, false]);
    },
  );

  it('takes an empty listing for a fault, not for the end of every market', async () => {
    const { rest } = await set(() => listing());
    await expect(rest.fetchCatalog()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });

  it("keeps within the venue's own limit from then on", async () => {
    const { rest } = await set((url) =>
      url.pathname.endsWith('exchangeInfo') ? listing(BTCUSDT) : { body: { lastUpdateId: 1, bids: [], asks: [] } },
    );
    await rest.fetchCatalog();
    await rest.fetchDepth('BTCUSDT', 500);
    await expect(rest.fetchDepth('BTCUSDT', 500, { patience: 'fail' })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it.skipIf(!hasRecordings).each([
    ['2021-04-17-binanceus', 'BTCUSD', '0.0100', '0.00000100'],
    ['2021-10-12-binance', 'ETHBTC', '0.00000100', '0.00010000'],
    ['2025-08-07-binance-25sym', 'ETHBTC', '0.00001000', '0.00010000'],
  ])('understands the recorded listing of %s', async (name, symbol, tickSize, lotSize) => {
    const body = recordingText(`binance/rest-exchangeInfo-${name}.json`);
    const { rest, metrics } = await set(() => ({ body }));
    expect((await rest.fetchCatalog()).get(symbol)).toMatchObject({ tickSize, lotSize, tradable: true });
    expect(await invalidCount(metrics)).toBe(0);
  });
});

function row(openMs: number): unknown[] {
  return [openMs, '1', '3', '1', '2', '5', openMs + 59_999, '9', 4, '1', '1', '0'];
}

describe('BinanceRest', () => {
  it.each([-1121, -1100])('calls a symbol unknown that the venue refuses with %i, in our own words', async (code) => {
    const { rest } = await set(() => refusal(code));
    const expected = {
      code: 'UNKNOWN_SYMBOL',
      message: 'Broker binance does not list NOPE.',
      details: { symbols: ['NOPE'] },
    };
    const query = { symbol: 'NOPE', interval: '1m', fromMs: null, toMs: null, limit: 5 } as const;
    await expect(rest.fetchTick('NOPE')).rejects.toMatchObject(expected);
    await expect(rest.fetchTrades('NOPE', 5)).rejects.toMatchObject(expected);
    await expect(rest.fetchDepth('NOPE', 5)).rejects.toMatchObject(expected);
    await expect(rest.fetchCandles(query)).rejects.toMatchObject(expected);
  });

  it.each([
    [-1100, "Illegal characters found in parameter 'startTime'; legal range is '^[0-9]{1,20}$'.", 'from'],
    [-1102, "Mandatory parameter 'endTime' was not sent, was empty/null, or malformed.", 'to'],
    [-1130, "Data sent for parameter 'limit' is not valid.", 'limit'],
    [-1120, 'Invalid interval.', 'interval'],
  ])('names the argument that the venue refuses, not the symbol (%i: %s)', async (code, msg, argument) => {
    const { rest } = await set(() => ({ status: 400, body: { code, msg } }));
    const query = { symbol: 'BTCUSDT', interval: '1m', fromMs: 5, toMs: null, limit: 5 } as const;
    await expect(rest.fetchCandles(query)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: `${argument}: the venue of broker binance does not take this value.`,
    });
  });

  it('asks for no time that the venue can not mean', async () => {
    const { rest, venue } = await set(() => ({ body: [] }));
    const query = { symbol: 'BTCUSDT', interval: '1m', fromMs: Date.UTC(1960, 0), toMs: null, limit: 5 } as const;
    expect(await rest.fetchCandles(query)).toEqual([]);
    expect(venue.requests.at(-1)).toContain('startTime=0&');
    expect(await rest.fetchCandles({ ...query, interval: '5s', toMs: Date.UTC(9999, 0) })).toEqual([]);
    expect(venue.requests.at(-1)).not.toContain('endTime');
    const before = venue.requests.length;
    expect(await rest.fetchCandles({ ...query, fromMs: null, toMs: Date.UTC(1960, 0) })).toEqual([]);
    expect(await rest.fetchCandles({ ...query, fromMs: Date.UTC(9999, 0) })).toEqual([]);
    expect(venue.requests).toHaveLength(before);
  });

  it('says by number what else the venue refuses', async () => {
    const { rest } = await set(() => refusal(-1130));
    await expect(rest.fetchTick('BTCUSDT')).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: 'The venue refused a request of broker binance (HTTP 400, code -1130).',
    });
  });

  it('refuses a whole book for one bad level, and counts it', async () => {
    const { rest, metrics } = await set(() => ({
      body: {
        lastUpdateId: 1,
        bids: [
          ['1', '1'],
          ['x', '1'],
        ],
        asks: [],
      },
    }));
    await expect(rest.fetchDepth('BTCUSDT', 5)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    expect(await invalidCount(metrics)).toBe(1);
  });

  it('has no quote if the venue has none', async () => {
    const { rest } = await set(() => ({
      body: { symbol: 'X', bidPrice: '0.00', bidQty: '0', askPrice: '1', askQty: '1' },
    }));
    expect(await rest.fetchTick('X')).toBeNull();
  });

  it('marks the candle open that had not ended by the venue’s clock, which it asks for once in ten minutes', async () => {
    const openMs = VENUE_MS - (VENUE_MS % 60_000);
    const { rest, venue, clock } = await set(() => ({ body: [row(openMs - 60_000), row(openMs)] }));
    clock.jumpWall(3_600_000);
    const query = { symbol: 'X', interval: '1m', fromMs: null, toMs: null, limit: 2 } as const;
    expect((await rest.fetchCandles(query)).map(({ closed }) => closed)).toEqual([true, false]);
    await clock.advance(60_000);
    expect((await rest.fetchCandles(query)).map(({ closed }) => closed)).toEqual([true, true]);
    await clock.advance(600_000);
    await rest.fetchCandles(query);
    expect(venue.requests.filter((path) => path === '/api/v3/time')).toHaveLength(2);
  });

  it('reports until when a ban lasts, refuses clients meanwhile, and lets the live feed wait', async () => {
    let banned = true;
    const { rest, clock } = await set(() =>
      banned ? { status: 418, headers: { 'retry-after': '120' } } : { body: { lastUpdateId: 9, bids: [], asks: [] } },
    );
    const snapshot = rest.fetchDepth('BTCUSDT', 1_000);
    await waitFor(() => rest.pausedUntilMs !== null);
    expect(rest.pausedUntilMs).toBe(clock.monotonic() + 120_000);
    await expect(rest.fetchTick('BTCUSDT')).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      details: { retryAfterMs: 120_000 },
    });
    banned = false;
    await clock.advance(120_000);
    expect(await snapshot).toEqual({ lastUpdateId: 9, bids: [], asks: [] });
    expect(rest.pausedUntilMs).toBeNull();
  });
});

/** A tape of trades or aggregates with these ids. */
function tape(from: number, to: number): (url: URL) => Answer {
  const ids = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return (url) => {
    const limit = Number(url.searchParams.get('limit'));
    const fromId = url.searchParams.get('fromId');
    const some = fromId === null ? ids.slice(-limit) : ids.filter((id) => id >= Number(fromId)).slice(0, limit);
    return url.pathname.endsWith('/aggTrades')
      ? { body: some.map((a) => ({ a, p: '1', q: '1', f: a, l: a, T: a, m: true, M: true })) }
      : {
          body: some.map((id) => ({
            id,
            price: '1',
            qty: '1',
            quoteQty: '1',
            time: id,
            isBuyerMaker: true,
            isBestMatch: true,
          })),
        };
  };
}

describe('BinanceRest, trades', () => {
  it.each(['individual', 'aggregate'] as const)('gives the newest %s trades, oldest first', async (trades) => {
    const { rest } = await set(tape(1, 50), trades);
    expect((await rest.fetchTrades('X', 3)).map(({ venueId }) => venueId)).toEqual([48, 49, 50]);
  });

  it.each([
    ['individual', 'nothing was missed', 5_000, 100, [], true],
    ['individual', 'it reaches back far enough', 4_997, 100, [4_998, 4_999, 5_000], true],
    ['individual', 'there are more than wanted', 4_990, 2, [4_991, 4_992], false],
    ['aggregate', 'nothing was missed', 5_000, 100, [], true],
    ['aggregate', 'it reaches back far enough', 4_997, 100, [4_998, 4_999, 5_000], true],
    ['aggregate', 'there are more than wanted', 4_990, 2, [4_991, 4_992], false],
  ] as const)('reports the %s trades since one when %s', async (trades, _name, after, maxCount, expected, complete) => {
    const { rest } = await set(tape(1, 5_000), trades);
    const missed = await rest.fetchTradesSince('X', { afterVenueId: after, maxCount });
    expect({ ids: missed.trades.map(({ venueId }) => venueId), complete: missed.complete }).toEqual({
      ids: expected,
      complete,
    });
  });

  it('admits that individual trades beyond the newest thousand are lost', async () => {
    const { rest } = await set(tape(1, 5_000));
    const { trades, complete } = await rest.fetchTradesSince('X', { afterVenueId: 3_999, maxCount: 10_000 });
    expect([trades[0]?.venueId, trades.length, complete]).toEqual([4_001, 1_000, false]);
    const enough = await rest.fetchTradesSince('X', { afterVenueId: 4_000, maxCount: 10_000 });
    expect([enough.trades[0]?.venueId, enough.trades.length, enough.complete]).toEqual([4_001, 1_000, true]);
  });

  it('pages through missed aggregates until it has them all', async () => {
    const { rest, venue } = await set(tape(1, 5_000), 'aggregate');
    const { trades, complete } = await rest.fetchTradesSince('X', { afterVenueId: 3_000, maxCount: 2_000 });
    expect([trades.length, trades.at(-1)?.venueId, complete]).toEqual([2_000, 5_000, true]);
    expect(venue.requests.map((path) => /fromId=(\d+)/.exec(path)?.[1])).toEqual(['3001', '4001', '5001']);
  });

  it('admits that the venue has forgotten aggregates', async () => {
    const { rest } = await set(tape(100, 105), 'aggregate');
    expect((await rest.fetchTradesSince('X', { afterVenueId: 50, maxCount: 100 })).complete).toBe(false);
  });
});

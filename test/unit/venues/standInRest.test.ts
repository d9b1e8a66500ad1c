import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasRecordings, recordingJson } from '../../support/recordings.ts';
import { DEFAULT_ACCOUNT } from '../../venues/binance/account.ts';
import { waitFor } from '../../support/waitFor.ts';
import { StandInBinance } from '../../venues/binance/StandInBinance.ts';

const NOW = Date.UTC(2026, 4, 5, 6, 7, 30);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

const Aggregates = z.array(z.object({ a: z.number(), T: z.number() }));
const Rows = z.array(z.tuple([z.number()], z.unknown()));
const Catalog = z.object({
  symbols: z.array(z.looseObject({ symbol: z.string(), status: z.string(), permissionSets: z.array(z.unknown()) })),
});

function codeOf({ body }: Answer): number | undefined {
  return z.object({ code: z.number().optional() }).parse(body).code;
}

function signed(query: string, secret: string = DEFAULT_ACCOUNT.secret): string {
  return `account?${query}&signature=${createHmac('sha256', secret).update(query).digest('hex')}`;
}

async function get(venue: StandInBinance, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${venue.restUrl}/api/v3/${path}`, { headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

describe('endpoints', () => {
  it('serve ping, time and the forms of every list', async () => {
    await using venue = await StandInBinance.start({ now: () => NOW });
    const market = venue.market('BTCUSDT');
    const [trade] = market.trade('43000', '0.5', { buyerIsMaker: true });
    expect((await get(venue, 'ping')).text).toBe('{}');
    expect((await get(venue, 'time')).body).toEqual({ serverTime: NOW });
    expect((await get(venue, 'time', { 'X-MBX-TIME-UNIT': 'MICROSECOND' })).body).toEqual({ serverTime: NOW * 1000 });
    expect((await get(venue, 'trades?symbol=BTCUSDT')).body).toEqual([
      {
        id: trade?.id,
        price: '43000.00000000',
        qty: '0.50000000',
        quoteQty: '21500.00000000',
        time: NOW,
        isBuyerMaker: true,
        isBestMatch: true,
      },
    ]);
    expect((await get(venue, 'ticker/price?symbol=BTCUSDT')).body).toEqual({
      symbol: 'BTCUSDT',
      price: '43000.00000000',
    });
    const { bids, asks, lastUpdateId } = market.book();
    expect((await get(venue, 'ticker/bookTicker?symbols=%5B%22BTCUSDT%22%5D')).body).toEqual([
      { symbol: 'BTCUSDT', bidPrice: bids[0]?.[0], bidQty: bids[0]?.[1], askPrice: asks[0]?.[0], askQty: asks[0]?.[1] },
    ]);
    expect((await get(venue, 'depth?symbol=BTCUSDT&limit=3')).body).toEqual({
      lastUpdateId,
      bids: bids.slice(0, 3),
      asks: asks.slice(0, 3),
    });
  });

  it('return trades that no stream delivered, by id and by time', async () => {
    let now = NOW;
    await using venue = await StandInBinance.start({ now: () => now });
    const market = venue.market('BTCUSDT');
    for (let step = 0; step < 10; step += 1) {
      market.trade();
      now += 1000;
    }
    const list = async (query: string): Promise<{ a: number; T: number }[]> =>
      Aggregates.parse((await get(venue, `aggTrades?symbol=BTCUSDT${query}`)).body);
    const all = await list('');
    const first = all[0]?.a ?? 0;
    expect(all.map(({ a }) => a)).toEqual(Array.from({ length: 10 }, (_, index) => first + index));
    expect((await list(`&fromId=${first + 4}&limit=2`)).map(({ a }) => a)).toEqual([first + 4, first + 5]);
    expect((await list('&limit=2')).map(({ a }) => a)).toEqual([first + 8, first + 9]);
    expect((await list(`&startTime=${NOW + 2000}&endTime=${NOW + 3000}`)).map(({ a }) => a)).toEqual([
      first + 2,
      first + 3,
    ]);
    expect((await get(venue, `aggTrades?symbol=BTCUSDT&fromId=1&startTime=1`)).body).toMatchObject({ code: -1128 });
  });

  it('return bars on the hour up to the running one, each opening where the one before closed', async () => {
    await using venue = await StandInBinance.start({ now: () => NOW });
    venue.market('BTCUSDT').trade('43333', '1');
    const rows = Rows.parse((await get(venue, 'klines?symbol=BTCUSDT&interval=1h&limit=5')).body);
    expect(rows).toHaveLength(5);
    for (const [index, row] of rows.entries()) {
      expect(row).toHaveLength(12);
      expect(row[0]).toBe(Date.UTC(2026, 4, 5, 2 + index));
      if (index > 0 && index < 4) expect(row[1]).toBe(rows[index - 1]?.[4]);
    }
    expect(rows[4]?.slice(1, 6)).toEqual([...Array<string>(4).fill('43333.00000000'), '1.00000000']);
    const start = Date.UTC(2026, 4, 5, 2);
    const one = await get(venue, `klines?symbol=BTCUSDT&interval=1h&startTime=${start}&endTime=${start}`);
    expect(one.body).toEqual([rows[0]]);
  });

  it('return symbols by name and by status, with permission sets unless the request declines them', async () => {
    await using venue = await StandInBinance.start({ generatedSymbols: 300 });
    const symbols = async (query: string): Promise<{ symbol: string; permissionSets: unknown[] }[]> =>
      Catalog.parse((await get(venue, `exchangeInfo${query}`)).body).symbols;
    const all = await symbols('');
    expect(all.length).toBeGreaterThan(300);
    expect(all[0]?.permissionSets).toEqual([['SPOT', 'MARGIN']]);
    const trading = await symbols('?symbolStatus=TRADING&showPermissionSets=false');
    expect(trading.map(({ symbol }) => symbol)).not.toContain('LUNAUSDT');
    expect(trading[0]?.permissionSets).toEqual([]);
    expect((await symbols('?symbol=LUNAUSDT')).map(({ symbol }) => symbol)).toEqual(['LUNAUSDT']);
    expect((await symbols('?symbols=%5B%22GEN1USDT%22%2C%22GEN300USDT%22%5D')).map(({ symbol }) => symbol)).toEqual([
      'GEN1USDT',
      'GEN300USDT',
    ]);
  });

  it.skipIf(!hasRecordings)('return the symbols of a recorded exchangeInfo', async () => {
    const exchangeInfo = Catalog.parse(recordingJson('binance/rest-exchangeInfo-2025-08-07-binance-25sym.json'));
    await using venue = await StandInBinance.start({ exchangeInfo });
    const { body } = await get(venue, 'exchangeInfo');
    expect(Catalog.parse(body).symbols).toEqual(exchangeInfo.symbols);
    expect((await get(venue, 'depth?symbol=ETHBTC')).status).toBe(200);
  });
});

describe('a request', () => {
  it.each([
    ['depth?symbol=NOPEUSDT', 400, -1121],
    ['depth?symbol=btcusdt', 400, -1100],
    ['depth?symbol=BTC/USDT', 400, -1100],
    ['depth', 400, -1102],
    ['depth?symbol=', 400, -1105],
    ['depth?symbol=BTCUSDT&symbol=ETHUSDT', 400, -1101],
    ['depth?symbol=BTCUSDT&colour=red', 400, -1104],
    ['depth?symbol=BTCUSDT&limit=x', 400, -1100],
    ['depth?symbol=LUNAUSDT&symbolStatus=TRADING', 400, -1220],
    ['ping?symbol=BTCUSDT', 400, -1101],
    ['trades?symbol=BTCUSDT&limit=0', 400, -1130],
    ['klines?symbol=BTCUSDT&interval=7m', 400, -1120],
    ['klines?symbol=BTCUSDT&interval=1m&limit=1001', 400, -1130],
    ['exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22BTCUSDT%22%5D', 400, -1151],
    ['exchangeInfo?symbol=BTCUSDT&symbolStatus=TRADING', 400, -1128],
  ])('%s: %i %i', async (path, status, code) => {
    await using venue = await StandInBinance.start();
    const answer = await get(venue, path);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });

  it('may have any limit of a book, but no unknown path', async () => {
    await using venue = await StandInBinance.start({ rest: { marketDataOnly: true } });
    expect((await get(venue, 'depth?symbol=BTCUSDT&limit=99999')).status).toBe(200);
    for (const path of ['nonsense', 'account', 'historicalTrades?symbol=BTCUSDT']) {
      expect((await get(venue, path)).status).toBe(404);
    }
  });
});

describe('weights', () => {
  it('are those of each request', async () => {
    await using venue = await StandInBinance.start();
    const used: number[] = [];
    for (const path of [
      'ping',
      'exchangeInfo',
      ...[100, 500, 1000, 5000].map((limit) => `depth?symbol=BTCUSDT&limit=${limit}`),
    ]) {
      used.push(Number((await get(venue, path)).headers.get('x-mbx-used-weight-1m')));
    }
    expect(used).toEqual([1, 21, 26, 51, 101, 351]);
    expect(venue.requests.map(({ path, status }) => [path, status]).slice(0, 2)).toEqual([
      ['/api/v3/ping', 200],
      ['/api/v3/exchangeInfo', 200],
    ]);
    expect(venue.requests[5]?.query.get('limit')).toBe('5000');
  });

  it('over the limit lead to 429 with Retry-After, and to a ban for a client that goes on', async () => {
    await using venue = await StandInBinance.start({ rest: { weight: 20, refusalsBeforeBan: 2, banMs: 3000 } });
    expect((await get(venue, 'exchangeInfo')).status).toBe(200);
    const refused = await get(venue, 'ping');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(refused.body).toMatchObject({ code: -1003 });
    await get(venue, 'ping');
    const banned = await get(venue, 'ping');
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([418, '3']);
    expect(banned.text).toMatch(/IP banned until \d{13}\./);
  });
});

describe('scripted answers', () => {
  it('give the next requests of a path a status, after which it serves again', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.rest.nextStatus(503, { path: '/api/v3/time', times: 2 });
    venue.faults.rest.nextStatus(429, { retryAfterSeconds: 7 });
    expect((await get(venue, 'time')).body).toMatchObject({ code: -1008 });
    expect((await get(venue, 'ping')).headers.get('retry-after')).toBe('7');
    expect((await get(venue, 'ping')).status).toBe(200);
    expect((await get(venue, 'time')).status).toBe(503);
    expect((await get(venue, 'time')).status).toBe(200);
  });

  it('ban until a moment, and may answer with pages of an edge server', async () => {
    let now = NOW;
    await using venue = await StandInBinance.start({ now: () => now });
    venue.faults.rest.banUntil(NOW + 5000);
    venue.faults.rest.htmlErrors = true;
    const banned = await get(venue, 'ping');
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([418, '5']);
    expect(banned.headers.get('content-type')).toBe('text/html');
    now += 5001;
    expect((await get(venue, 'ping')).status).toBe(200);
  });

  it('delay answers, and leave no request behind when the stand-in is disposed of', async () => {
    const venue = await StandInBinance.start();
    venue.faults.rest.delayMs = 50;
    const before = performance.now();
    await get(venue, 'ping');
    expect(performance.now() - before).toBeGreaterThanOrEqual(45);
    venue.faults.rest.delayMs = 60_000;
    const pending = get(venue, 'ping');
    const rejected = expect(pending).rejects.toThrow(/fetch failed/);
    await waitFor(() => venue.requests.length === 2, 'the request to arrive');
    await venue[Symbol.asyncDispose]();
    await rejected;
  });
});

describe('GET /api/v3/account', () => {
  const key = { 'X-MBX-APIKEY': DEFAULT_ACCOUNT.apiKey };

  it.each([
    ['right', signed(`timestamp=${NOW}&omitZeroBalances=true`), key, 200, undefined],
    ['without a key', signed(`timestamp=${NOW}`), {}, 401, -2014],
    ['a key of another form', signed(`timestamp=${NOW}`), { 'X-MBX-APIKEY': 'short' }, 401, -2014],
    ['an unknown key', signed(`timestamp=${NOW}`), { 'X-MBX-APIKEY': 'x'.repeat(64) }, 401, -2015],
    ['another secret', signed(`timestamp=${NOW}`, 'other'), key, 400, -1022],
    ['signature not last', `${signed(`timestamp=${NOW}`)}&omitZeroBalances=true`, key, 400, -1022],
    ['no signature', `account?timestamp=${NOW}`, key, 400, -1102],
    ['no timestamp', signed('omitZeroBalances=true'), key, 400, -1102],
    ['too old', signed(`timestamp=${NOW - 5001}`), key, 400, -1021],
    ['old, within its window', signed(`recvWindow=6000&timestamp=${NOW - 5001}`), key, 200, undefined],
    ['ahead', signed(`timestamp=${NOW + 1000}`), key, 400, -1021],
    ['in microseconds', signed(`timestamp=${NOW * 1000}`), key, 200, undefined],
  ])('%s', async (_name, path, headers, status, code) => {
    await using venue = await StandInBinance.start({ now: () => NOW });
    const answer = await get(venue, path, headers);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    if (status === 200) expect(answer.body).toMatchObject({ accountType: 'SPOT', permissions: ['SPOT'] });
  });

  it('accepts Ed25519 signatures', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const apiKey = 'e'.repeat(64);
    const account = { apiKey, publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
    await using venue = await StandInBinance.start({ now: () => NOW, accounts: [account] });
    const query = `timestamp=${NOW}`;
    const signature = encodeURIComponent(sign(null, Buffer.from(query), privateKey).toString('base64'));
    const headers = { 'X-MBX-APIKEY': apiKey };
    expect((await get(venue, `account?${query}&signature=${signature}`, headers)).status).toBe(200);
    const other = `timestamp=${NOW + 1}&signature=${signature}`;
    expect((await get(venue, `account?${other}`, headers)).body).toMatchObject({ code: -1022 });
  });

  it.skipIf(!hasRecordings)('accepts the published examples, and none that was changed', async () => {
    const Vectors = z.object({
      apiKey: z.string(),
      secretKey: z.string(),
      vectors: z.array(z.object({ use: z.string(), payload: z.string(), signature: z.string() })),
    });
    const { apiKey, secretKey, vectors } = Vectors.parse(recordingJson('binance/sign-vectors.json'));
    const accounts = [{ apiKey, secret: secretKey }];
    await using venue = await StandInBinance.start({ now: () => 1_499_827_319_559, accounts });
    const ours = vectors.filter(({ use }) => use === 'REST GET /api/v3/account');
    expect(ours).toHaveLength(2);
    for (const { payload, signature } of ours) {
      const headers = { 'X-MBX-APIKEY': apiKey };
      expect((await get(venue, `account?${payload}&signature=${signature}`, headers)).status).toBe(200);
      const flipped = `${signature.slice(0, -1)}${signature.endsWith('f') ? '0' : 'f'}`;
      expect((await get(venue, `account?${payload}&signature=${flipped}`, headers)).body).toMatchObject({
        code: -1022,
      });
    }
  });
});

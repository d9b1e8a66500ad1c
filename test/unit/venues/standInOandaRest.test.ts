import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasRecordings, recordingJson } from '../../support/recordings.ts';
import { DEFAULT_ACCOUNTS } from '../../venues/oanda/accounts.ts';
import { listing, listingsOf } from '../../venues/oanda/instruments.ts';
import { StandInOanda } from '../../venues/oanda/StandInOanda.ts';

const NOW = Date.UTC(2026, 4, 5, 6, 7, 30);
const [FIRST, SECOND] = DEFAULT_ACCOUNTS;
const ROOT = `accounts/${FIRST.id}`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

const Prices = z.object({
  time: z.string(),
  prices: z.array(z.looseObject({ instrument: z.string(), closeoutBid: z.string() })),
});

async function get(
  venue: StandInOanda,
  path: string,
  { token = FIRST.token, headers = {} }: { token?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`${venue.restUrl}/v3/${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  const text = await response.text();
  let body: unknown = null;
  if (text.startsWith('{')) body = JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body };
}

async function refusal(venue: StandInOanda, path: string, token?: string): Promise<[number, unknown]> {
  const { status, body } = await get(venue, path, token === undefined ? {} : { token });
  return [status, z.object({ errorMessage: z.string() }).parse(body).errorMessage];
}

describe('access', () => {
  it('is given to the accounts of a token, and only those are listed', async () => {
    await using venue = await StandInOanda.start({
      accounts: [FIRST, { ...SECOND, tags: ['MT4'], mt4AccountID: 7 }, { id: '101-004-1-002', token: FIRST.token }],
    });
    expect((await get(venue, 'accounts')).body).toEqual({
      accounts: [
        { id: FIRST.id, tags: [] },
        { id: '101-004-1-002', tags: [] },
      ],
    });
    expect((await get(venue, 'accounts', { token: SECOND.token })).body).toEqual({
      accounts: [{ id: SECOND.id, mt4AccountID: 7, tags: ['MT4'] }],
    });
  });

  it('is refused differently for a bad token, a foreign account, a malformed one and one that may not trade', async () => {
    await using venue = await StandInOanda.start({ accounts: [FIRST, { ...SECOND, tradable: false }] });
    const insufficient = 'Insufficient authorization to perform request.';
    expect(await refusal(venue, 'accounts', 'nobody')).toEqual([401, insufficient]);
    expect(await refusal(venue, `accounts/${SECOND.id}/instruments`)).toEqual([
      403,
      'The provided request was forbidden.',
    ]);
    expect(await refusal(venue, 'accounts/12345/instruments')).toEqual([
      400,
      "Invalid value specified for 'accountID'",
    ]);
    expect(await refusal(venue, `accounts/${SECOND.id}/instruments`, SECOND.token)).toEqual([403, insufficient]);
    expect((await fetch(`${venue.restUrl}/v3/accounts`)).status).toBe(401);
    expect((await get(venue, 'accounts//instruments')).status).toBe(404);
    expect((await get(venue, `${ROOT}/orders`)).status).toBe(404);
    const post = await fetch(`${venue.restUrl}/v3/accounts`, { method: 'POST' });
    expect(post.status).toBe(405);
  });

  it('ends for a token that was revoked, and begins for one that was granted', async () => {
    await using venue = await StandInOanda.start({ foreignAccountStatus: 401 });
    expect((await refusal(venue, `accounts/${SECOND.id}/instruments`))[0]).toBe(401);
    venue.grant(FIRST.token, SECOND.id);
    expect((await get(venue, `accounts/${SECOND.id}/instruments`)).status).toBe(200);
    venue.revoke(FIRST.token);
    expect((await get(venue, 'accounts')).status).toBe(401);
  });

  it('is given to no stream on the host of REST and to no REST on the host of streams, unless both share a port', async () => {
    await using venue = await StandInOanda.start();
    const stream = `${ROOT}/pricing/stream?instruments=EUR_USD`;
    expect((await get(venue, stream)).status).toBe(404);
    const headers = { authorization: `Bearer ${FIRST.token}` };
    expect((await fetch(`${venue.streamUrl}/v3/accounts`, { headers })).status).toBe(404);
    expect(venue.requests.map(({ host, status }) => [host, status])).toEqual([
      ['rest', 404],
      ['stream', 404],
    ]);
    await using one = await StandInOanda.start({ onePort: true });
    expect(one.restUrl).toBe(one.streamUrl);
    expect((await get(one, 'accounts')).status).toBe(200);
    const open = await fetch(`${one.streamUrl}/v3/${stream}`, { headers });
    expect(open.status).toBe(200);
    await open.body?.cancel();
  });
});

describe('answers', () => {
  it('have a RequestID and are compressed for clients that accept it', async () => {
    await using venue = await StandInOanda.start();
    const packed = await get(venue, 'accounts', { headers: { 'accept-encoding': 'gzip' } });
    const plain = await get(venue, 'accounts', { headers: { 'accept-encoding': 'identity' } });
    const failed = await get(venue, 'accounts', { token: 'nobody' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(packed.text).toBe(plain.text);
    const ids = [packed, plain, failed].map(({ headers }) => headers.get('requestid') ?? '');
    for (const id of ids) expect(id).toMatch(/^\d{17}$/);
    expect(new Set(ids).size).toBe(3);
  });

  it('leave a record of each request, in which the token is only in the header', async () => {
    await using venue = await StandInOanda.start({ now: () => NOW });
    await get(venue, `${ROOT}/pricing?instruments=EUR_USD%2CUSD_JPY`);
    expect(venue.requests).toMatchObject([{ method: 'GET', path: `/v3/${ROOT}/pricing`, status: 200 }]);
    expect(venue.requests[0]?.query.get('instruments')).toBe('EUR_USD,USD_JPY');
    expect(venue.requests[0]?.url).not.toContain(FIRST.token);
    expect(venue.requests[0]?.headers.authorization).toBe(`Bearer ${FIRST.token}`);
  });
});

describe('instruments', () => {
  it('are those that the account is offered, all or by name', async () => {
    await using venue = await StandInOanda.start({
      accounts: [{ ...FIRST, instruments: ['EUR_USD', 'XAU_JPY'] }, SECOND],
    });
    const { body } = await get(venue, `${ROOT}/instruments`);
    expect(body).toMatchObject({
      instruments: [
        { name: 'EUR_USD', type: 'CURRENCY', displayName: 'EUR/USD', pipLocation: -4, displayPrecision: 5 },
        { name: 'XAU_JPY', type: 'METAL', pipLocation: 1, displayPrecision: 0 },
      ],
      lastTransactionID: '2124',
    });
    expect((await get(venue, `${ROOT}/instruments?instruments=XAU_JPY`)).body).toMatchObject({
      instruments: [{ name: 'XAU_JPY' }],
    });
    const bad = [400, "Invalid value specified for 'instruments'"];
    expect(await refusal(venue, `${ROOT}/instruments?instruments=GBP_USD`)).toEqual(bad);
    expect(await refusal(venue, `${ROOT}/pricing?instruments=EUR_USD,USD/JPY`)).toEqual(bad);
    expect(await refusal(venue, `${ROOT}/pricing`)).toEqual([400, 'The request was missing required data']);
    venue.list(listing({ name: 'GBP_USD', price: '1.2', displayPrecision: 5 }));
    venue.unlist('XAU_JPY');
    expect((await get(venue, `accounts/${SECOND.id}/instruments?instruments=GBP_USD`, SECOND)).status).toBe(200);
    expect(await refusal(venue, `${ROOT}/instruments?instruments=XAU_JPY`)).toEqual(bad);
  });

  it.skipIf(!hasRecordings)('may be those of a recording, unchanged', async () => {
    const document = recordingJson('oanda/account-instruments-2023-mixed17.json');
    await using venue = await StandInOanda.start({ listings: listingsOf(document) });
    expect((await get(venue, `${ROOT}/instruments`)).body).toMatchObject(z.looseObject({}).parse(document));
    expect(venue.lastPrice(FIRST.id, 'NZD_CHF')?.bids[0]?.price).toBe('99.99993');
  });
});

describe('prices', () => {
  it('are different for each account, shifted by pips whatever the precision', async () => {
    await using venue = await StandInOanda.start({ now: () => NOW });
    const query = 'instruments=EUR_USD,USD_JPY,XAU_JPY&includeUnitsAvailable=false';
    const mine = await get(venue, `${ROOT}/pricing?${query}`);
    const theirs = await get(venue, `accounts/${SECOND.id}/pricing?${query}`, { token: SECOND.token });
    expect(mine.body).toMatchObject({
      prices: [
        {
          type: 'PRICE',
          instrument: 'EUR_USD',
          bids: [
            { price: '1.08445', liquidity: 10_000_000 },
            { price: '1.08444', liquidity: 10_000_000 },
          ],
          asks: [{ price: '1.08459' }, { price: '1.08460' }],
          closeoutBid: '1.08442',
          closeoutAsk: '1.08462',
          tradeable: true,
          status: 'tradeable',
        },
        { instrument: 'USD_JPY', bids: [{ price: '149.825' }] },
        { instrument: 'XAU_JPY', bids: [{ price: '304805' }] },
      ],
    });
    expect(theirs.body).toMatchObject({
      prices: [{ bids: [{ price: '1.08945' }, {}] }, { bids: [{ price: '150.325' }] }, { bids: [{ price: '305305' }] }],
    });
  });

  it('are left out if nothing is newer than `since`, and have times in the requested format', async () => {
    await using venue = await StandInOanda.start();
    const path = `${ROOT}/pricing?instruments=EUR_USD,USD_JPY`;
    const first = Prices.parse((await get(venue, path)).body);
    expect(first.prices).toHaveLength(2);
    expect(first.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const later = `${path}&since=${encodeURIComponent(first.time)}`;
    expect(Prices.parse((await get(venue, later)).body).prices).toEqual([]);
    venue.price(FIRST.id, 'USD_JPY', { bid: '151.000', ask: '151.010' });
    const unix = await get(venue, later, { headers: { 'Accept-Datetime-Format': 'UNIX' } });
    expect(unix.body).toMatchObject({ prices: [{ instrument: 'USD_JPY', bids: [{ price: '151.000' }] }] });
    expect(Prices.parse(unix.body).time).toMatch(/^\d{10}\.\d{9}$/);
    expect(await refusal(venue, `${path}&since=yesterday`)).toEqual([400, "Invalid value specified for 'since'"]);
  });

  it('have deprecated members unless the request declines them, and conversions only on request', async () => {
    await using venue = await StandInOanda.start();
    const all = await get(venue, `${ROOT}/pricing?instruments=EUR_USD&includeHomeConversions=true`);
    const bare = await get(venue, `${ROOT}/pricing?instruments=EUR_USD&includeUnitsAvailable=false`);
    expect(all.body).toMatchObject({
      prices: [{ unitsAvailable: { default: {} }, quoteHomeConversionFactors: {} }],
      homeConversions: [{ currency: 'USD' }],
    });
    expect(bare.text).not.toMatch(/unitsAvailable|homeConversions/);
  });
});

describe('limits', () => {
  it('refuse requests over the rate of a second with 429 and no body, for each token by itself', async () => {
    await using venue = await StandInOanda.start({ limits: { requestsPerSecond: 3, connectionsPerSecond: 100 } });
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await get(venue, 'accounts')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await get(venue, 'accounts', { token: SECOND.token })).status).toBe(200);
  });

  it('refuse the third connection in a second, of one token or of one address', async () => {
    const tokens = [FIRST.token, FIRST.token, SECOND.token, FIRST.token];
    const statuses = async (venue: StandInOanda): Promise<number[]> => {
      const found: number[] = [];
      for (const token of tokens) {
        found.push((await get(venue, 'accounts', { token, headers: { connection: 'close' } })).status);
      }
      return found;
    };
    await using byToken = await StandInOanda.start();
    expect(await statuses(byToken)).toEqual([200, 200, 200, 429]);
    await using byAddress = await StandInOanda.start({ limits: { countBy: 'address' } });
    expect(await statuses(byAddress)).toEqual([200, 200, 429, 429]);
    expect(byAddress.connections).toBe(4);
  });
});

describe('faults of answers', () => {
  it('follow scripts in order, by path: status, body, page, Retry-After', async () => {
    await using venue = await StandInOanda.start({ limits: { connectionsPerSecond: 100 } });
    venue.faults.rest.nextReply(504, { path: `/v3/${ROOT}/pricing` });
    venue.faults.rest.nextReply(429, { retryAfterSeconds: 3, times: 2 });
    venue.faults.rest.nextReply(200, { body: '{"prices":[' });
    venue.faults.rest.nextReply(200, { html: true });
    const answers = [];
    for (let count = 0; count < 4; count += 1) answers.push(await get(venue, 'accounts').catch(String));
    expect(answers.slice(0, 2)).toMatchObject([{ status: 429, text: '' }, { status: 429 }]);
    expect(answers[2]).toMatch(/SyntaxError/);
    expect(answers[3]).toMatchObject({ status: 200, body: null });
    expect(await refusal(venue, `${ROOT}/pricing?instruments=EUR_USD`)).toEqual([504, 'Timeout waiting for response.']);
    expect((await get(venue, 'accounts')).status).toBe(200);
  });

  it('can be resets, cut off, delayed and held back', async () => {
    await using venue = await StandInOanda.start({ limits: { connectionsPerSecond: 100 } });
    venue.faults.rest.nextReset();
    await expect(get(venue, 'accounts')).rejects.toThrow(/fetch failed/);
    venue.faults.rest.nextReply(200, { body: '{"accounts":[]}', cutAfterBytes: 5 });
    await expect(get(venue, 'accounts')).rejects.toThrow(/terminated/);
    venue.faults.rest.delayMs = 40;
    const before = performance.now();
    await get(venue, 'accounts');
    expect(performance.now() - before).toBeGreaterThanOrEqual(35);
    venue.faults.rest.clear();
    venue.faults.rest.hold = true;
    const signal = AbortSignal.timeout(50);
    await expect(fetch(`${venue.restUrl}/v3/accounts`, { signal })).rejects.toThrow(/timeout/);
    expect(venue.requests.at(-1)?.status).toBe(0);
  });

  it('can come from a ban, maintenance and refused connections, and end again', async () => {
    let now = NOW;
    await using venue = await StandInOanda.start({ now: () => now, limits: { connectionsPerSecond: 100 } });
    venue.faults.ban({ untilMs: NOW + 1000, retryAfterSeconds: 1 });
    const banned = await get(venue, 'accounts');
    expect([banned.status, banned.headers.get('content-type'), banned.headers.get('retry-after')]).toEqual([
      403,
      'text/html',
      '1',
    ]);
    now += 1000;
    expect((await get(venue, 'accounts')).status).toBe(200);
    venue.faults.maintenance = 502;
    expect(await get(venue, 'accounts')).toMatchObject({ status: 502, body: null });
    venue.faults.maintenance = 504;
    expect((await refusal(venue, 'accounts'))[0]).toBe(504);
    venue.faults.maintenance = null;
    venue.faults.refuseConnections = true;
    await expect(get(venue, 'accounts')).rejects.toThrow(/fetch failed/);
    venue.faults.refuseConnections = false;
    expect((await get(venue, 'accounts')).status).toBe(200);
  });
});

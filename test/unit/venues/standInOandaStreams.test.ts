import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { waitFor } from '../../support/waitFor.ts';
import { DEFAULT_ACCOUNTS } from '../../venues/oanda/accounts.ts';
import { LineClient } from '../../venues/oanda/LineClient.ts';
import { StandInOanda } from '../../venues/oanda/StandInOanda.ts';

const NOW = Date.UTC(2026, 4, 5, 6, 7, 30);
const [FIRST, SECOND] = DEFAULT_ACCOUNTS;

const Line = z.looseObject({
  type: z.string().exactOptional(),
  time: z.string(),
  instrument: z.string().exactOptional(),
  bids: z.array(z.object({ price: z.string(), liquidity: z.unknown() })).exactOptional(),
});

function parsed(lines: readonly string[]): z.infer<typeof Line>[] {
  return lines.map((line) => Line.parse(JSON.parse(line)));
}

function instrumentsOf(lines: readonly string[]): (string | undefined)[] {
  return parsed(lines).map(({ instrument }) => instrument);
}

describe('opening a stream', () => {
  it('is answered as the venue does: octet-stream, chunked, with the connection to be closed', async () => {
    await using venue = await StandInOanda.start();
    using client = await LineClient.open(venue, { instruments: 'EUR_USD' });
    expect([client.status, client.headers]).toMatchObject([
      200,
      { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked', connection: 'close' },
    ]);
    expect(client.headers['requestid']).toMatch(/^\d{17}$/);
    expect(client.headers['content-encoding']).toBeUndefined();
  });

  it('sends each instrument once, with the last price of the account, in another order each time', async () => {
    await using venue = await StandInOanda.start({ limits: { connectionsPerSecond: 100 } });
    const names = ['EUR_USD', 'USD_JPY', 'XAU_USD', 'DE30_EUR', 'EUR_JPY'];
    venue.price(FIRST.id, 'EUR_USD', { bid: '1.11111', ask: '1.11119' });
    const orders = new Set<string>();
    for (let count = 0; count < 6; count += 1) {
      using client = await LineClient.open(venue, { instruments: [...names, 'EUR_USD'].join(',') });
      const lines = await client.waitForLines(5);
      expect([lines.length, new Set(instrumentsOf(lines))]).toEqual([5, new Set(names)]);
      expect(parsed(lines).find(({ instrument }) => instrument === 'EUR_USD')?.bids?.[0]?.price).toBe('1.11111');
      orders.add(instrumentsOf(lines).join(','));
    }
    expect(orders.size).toBeGreaterThan(1);
  });

  it('sends no snapshot if the client declines it, but heartbeats all the same', async () => {
    await using venue = await StandInOanda.start({ heartbeatMs: 20, now: () => NOW });
    using client = await LineClient.open(venue, { instruments: 'EUR_USD', query: 'snapshot=false' });
    const [line = ''] = await client.waitForLines(1);
    expect(line).toMatch(/^\{"type":"HEARTBEAT","time":"2026-05-05T06:07:30\.\d{9}Z"\}$/);
    expect(client.prices).toEqual([]);
  });

  it('is refused with an empty body, unless reasons are enabled; an unknown instrument refuses all', async () => {
    await using venue = await StandInOanda.start({ limits: { connectionsPerSecond: 100 } });
    const statusOf = async (options: Partial<Parameters<typeof LineClient.open>[1]>): Promise<[number, string]> => {
      using client = await LineClient.open(venue, { instruments: 'EUR_USD', ...options });
      await client.waitForEnd();
      return [client.status, client.text];
    };
    expect(await statusOf({ token: 'nobody' })).toEqual([401, '']);
    expect(await statusOf({ accountId: SECOND.id, token: FIRST.token })).toEqual([403, '']);
    expect(await statusOf({ accountId: '12345' })).toEqual([400, '']);
    expect(await statusOf({ headers: { 'accept-datetime-format': 'ISO' } })).toEqual([400, '']);
    venue.faults.streamErrorBodies = true;
    const bad = '{"errorMessage":"Invalid value specified for \'instruments\'"}';
    expect(await statusOf({ instruments: 'EUR_USD,USD/JPY' })).toEqual([400, bad]);
    expect(venue.streamsOpened()).toBe(0);
    expect(venue.streamAttempts()).toBe(5);
    expect(venue.streamAttempts(SECOND.id)).toBe(1);
  });

  it('is limited for each token, and possible again when a stream has ended', async () => {
    await using venue = await StandInOanda.start({
      limits: { streams: 2, connectionsPerSecond: 100, streamStatus: 503 },
    });
    using first = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using second = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using third = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using other = await LineClient.open(venue, { instruments: 'EUR_USD', accountId: SECOND.id });
    expect([first, second, third, other].map(({ status }) => status)).toEqual([200, 200, 503, 200]);
    first[Symbol.dispose]();
    await venue.waitForStreams(FIRST.id, 1);
    using fourth = await LineClient.open(venue, { instruments: 'EUR_USD' });
    expect(fourth.status).toBe(200);
  });

  it('is refused on a third connection within a second', async () => {
    await using venue = await StandInOanda.start();
    using first = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using second = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using third = await LineClient.open(venue, { instruments: 'EUR_USD' });
    expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 429]);
  });
});

describe('the test’s view of streams', () => {
  it('shows which are open, with which instruments, since when, and how many there were', async () => {
    await using venue = await StandInOanda.start();
    const before = performance.timeOrigin + performance.now();
    using one = LineClient.start(venue, { instruments: 'EUR_USD,USD_JPY' });
    const stream = await venue.waitForStream(FIRST.id, ['USD_JPY', 'EUR_USD']);
    expect(stream).toMatchObject({ accountId: FIRST.id, instruments: ['EUR_USD', 'USD_JPY'], open: true });
    expect(stream.since).toBeGreaterThanOrEqual(before);
    using two = await LineClient.open(venue, { instruments: 'EUR_USD' });
    expect(venue.streamsOf(FIRST.id)).toHaveLength(2);
    one[Symbol.dispose]();
    await stream.closed;
    await venue.waitForStreams(FIRST.id, 1);
    expect(venue.streams.map(({ instruments }) => instruments)).toEqual([['EUR_USD']]);
    expect([venue.streamsOpened(), venue.streamsOpened(SECOND.id), venue.mostStreams(FIRST.id)]).toEqual([2, 0, 2]);
    expect(two.ended).toBeNull();
    await expect(venue.waitForStream(SECOND.id, undefined, 20)).rejects.toThrow(/in vain for a stream of/);
  });

  it('shows none once the stand-in is disposed of', async () => {
    const venue = await StandInOanda.start();
    using client = await LineClient.open(venue, { instruments: 'EUR_USD' });
    venue.run({ everyMs: 5 });
    await venue[Symbol.asyncDispose]();
    expect(await client.waitForEnd()).toBe('ECONNRESET');
    expect([venue.streams.length, venue.signal.aborted]).toEqual([0, true]);
    await expect(fetch(venue.restUrl)).rejects.toThrow(/fetch failed/);
  });
});

describe('prices', () => {
  it('reach the streams of their account that have the instrument, and no other', async () => {
    await using venue = await StandInOanda.start({ windowMs: 0 });
    using mine = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using theirs = await LineClient.open(venue, { instruments: 'EUR_USD,USD_JPY', accountId: SECOND.id });
    venue.price(FIRST.id, 'EUR_USD', { bid: '1.20000', ask: '1.20010' });
    venue.price(FIRST.id, 'USD_JPY');
    venue.market('EUR_USD').tick('1.30000');
    await Promise.all([mine.waitForLines(3), theirs.waitForLines(3)]);
    const bids = (client: LineClient): unknown[] => parsed(client.lines).map(({ bids: [best] = [] }) => best?.price);
    expect(bids(mine)).toEqual(['1.08445', '1.20000', '1.29993']);
    expect(new Set(bids(theirs))).toEqual(new Set(['1.08945', '1.30493', '150.325']));
  });

  it('have rising times of nine digits, unless a test says otherwise', async () => {
    await using venue = await StandInOanda.start({ now: () => NOW, windowMs: 0 });
    using client = await LineClient.open(venue, {
      instruments: 'EUR_USD',
      headers: { 'accept-datetime-format': 'UNIX' },
    });
    for (let count = 0; count < 5; count += 1) venue.market('EUR_USD').tick();
    const times = parsed(await client.waitForLines(6)).map(({ time }) => time);
    expect(times).toEqual(times.toSorted());
    expect(new Set(times).size).toBe(6);
    for (const time of times) expect(time).toMatch(/^1777961250\.\d{9}$/);
  });

  it('are written as a test likes: ladders verbatim, times of any digits, liquidity in any form', async () => {
    await using venue = await StandInOanda.start({ now: () => NOW });
    using client = await LineClient.open(venue, { instruments: 'EUR_USD,UK100_GBP', query: 'snapshot=false' });
    const bids = [
      { price: '1.1', liquidity: 1_000_000 },
      { price: '1.2', liquidity: 2.5 },
    ];
    const draft = { bids, asks: [], time: '2017-06-28T10:00:00Z', tradeable: false, closeoutAsk: '9' };
    venue.price(FIRST.id, 'EUR_USD', draft, { liquidity: 'fraction' });
    venue.price(
      FIRST.id,
      'EUR_USD',
      { bids, time: 1_477_557_523_094_548_890n },
      { liquidity: 'string', timeDigits: 0 },
    );
    venue.price(FIRST.id, 'EUR_USD', { time: 1_477_557_523_094_548_890n }, { timeFormat: 'UNIX', timeDigits: 3 });
    venue.price(FIRST.id, 'UK100_GBP', {}, { omit: ['type', 'tradeable'], extra: { note: '€' }, reordered: true });
    const [first = '', second = '', third = '', fourth = ''] = await client.waitForLines(4);
    expect(first).toBe(
      '{"type":"PRICE","time":"2017-06-28T10:00:00Z","bids":[{"price":"1.1","liquidity":1000000.0},{"price":"1.2","liquidity":2.5}],' +
        '"asks":[],"closeoutBid":"1.2","closeoutAsk":"9","status":"non-tradeable","tradeable":false,"instrument":"EUR_USD"}',
    );
    expect(second).toContain('"time":"2016-10-27T08:38:43Z","bids":[{"price":"1.1","liquidity":"1000000"}');
    expect(third).toContain('"time":"1477557523.094"');
    expect(fourth).toMatch(/^\{"instrument":"UK100_GBP","status":"tradeable","closeoutAsk":.*"note":"€"\}$/);
    expect(fourth).not.toMatch(/"type"|"tradeable":/);
    expect(JSON.parse(fourth)).toMatchObject({ bids: [{ liquidity: 50 }, { liquidity: 100 }, { liquidity: 150 }] });
  });

  it('are conflated in windows: the last of several comes, and never after a later one', async () => {
    await using venue = await StandInOanda.start({ windowMs: 60 });
    using client = await LineClient.open(venue, { instruments: 'EUR_USD,USD_JPY', query: 'snapshot=false' });
    for (let count = 0; count < 10; count += 1) venue.market('EUR_USD').tick(`1.5000${count}`);
    venue.market('USD_JPY').tick('150.000');
    venue.price(FIRST.id, 'USD_JPY', { bid: '151.000' });
    const lines = await client.waitForLines(2);
    expect(instrumentsOf(lines)).toEqual(['USD_JPY', 'EUR_USD']);
    expect(lines[1]).toContain('"1.50002"');
    venue.market('EUR_USD').tick();
    await client.waitForLines(3);
    expect(instrumentsOf(client.lines)).toEqual(['USD_JPY', 'EUR_USD', 'EUR_USD']);
  });

  it('run by themselves, the same with the same seed', async () => {
    const seen = async (): Promise<unknown[]> => {
      await using venue = await StandInOanda.start({ windowMs: 0, seed: 5 });
      using client = await LineClient.open(venue, { instruments: 'EUR_USD' });
      using _running = venue.run({ everyMs: 2 });
      return parsed(await client.waitForLines(8))
        .slice(0, 8)
        .map(({ bids: [best] = [] }) => best?.price);
    };
    const first = await seen();
    expect(new Set(first).size).toBeGreaterThan(4);
    expect(await seen()).toEqual(first);
  });
});

describe('a closed market', () => {
  it('is reported once with a wide spread, and then there are only heartbeats', async () => {
    await using venue = await StandInOanda.start({ windowMs: 0, heartbeatMs: 15 });
    using client = await LineClient.open(venue, { instruments: 'EUR_USD' });
    await client.waitForPrices(1);
    venue.closeMarkets();
    using _running = venue.run({ everyMs: 2 });
    const [, closed = ''] = await client.waitForPrices(2);
    expect(JSON.parse(closed)).toMatchObject({
      tradeable: false,
      status: 'non-tradeable',
      bids: [{ price: '1.08382' }, {}],
      asks: [{ price: '1.08522' }, {}],
    });
    const stream = await venue.waitForStream(FIRST.id);
    await waitFor(() => stream.heartbeatsSent >= 4, 'heartbeats');
    expect(client.prices).toHaveLength(2);
    venue.openMarkets();
    await client.waitForPrices(4);
  });

  it('has old prices for clients that come on a Sunday', async () => {
    await using venue = await StandInOanda.start({ now: () => Date.UTC(2026, 4, 10, 12) });
    venue.closeMarkets({ atMs: Date.UTC(2026, 4, 8, 20, 58) });
    using client = await LineClient.open(venue, { instruments: 'EUR_USD' });
    const [line = ''] = await client.waitForLines(1);
    expect(JSON.parse(line)).toMatchObject({ time: '2026-05-08T20:58:00.000000000Z', tradeable: false });
  });
});

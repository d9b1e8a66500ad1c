import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { listing } from '../venues/oanda/instruments.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';
import { ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { waitFor } from '../support/waitFor.ts';

/** For a clock that is faster than the venue's. */
const FAST = { heartbeatMs: 20, limits: { connectionsPerSecond: 1_000, requestsPerSecond: 10_000 } };

const TICK = feedOf('EUR_USD', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');
const MINUTE = feedOf('EUR_USD', 'candle', '1m');

async function invalidMessages({ metrics }: Awaited<ReturnType<typeof startOandaBroker>>): Promise<number | undefined> {
  return (await metrics.invalidMessages.get()).values[0]?.value;
}

describe('an answer of the venue', () => {
  const CANDLES = { symbol: 'EUR_USD', interval: '1m', fromMs: null, toMs: null, limit: 10 } as const;

  it('without content means that there is nothing: no quote, no book, no candle', async () => {
    await using gateway = await startOandaBroker([], {
      before: ({ faults }) => {
        for (const path of ['pricing', 'instruments/EUR_USD/candles']) {
          faults.rest.nextReply(204, { path: `/v3/accounts/${ACCOUNT.id}/${path}`, body: '', times: 2 });
        }
      },
    });
    const { broker, clock } = gateway;
    expect(await clock.hurry(broker.fetchTick('EUR_USD'))).toBeNull();
    expect(await clock.hurry(broker.fetchOrderBook('EUR_USD', 5))).toBeNull();
    expect(await clock.hurry(broker.fetchCandles(CANDLES))).toEqual([]);
  });

  it('without content to the question how a candle ended means that it is not known yet', async () => {
    const five = feedOf('EUR_USD', 'candle', '5s');
    await using gateway = await startOandaBroker([five], { venue: FAST });
    await gateway.waitForState('live', five);
    const path = `/v3/accounts/${ACCOUNT.id}/candles/latest`;
    gateway.venue.faults.rest.nextReply(204, { path, body: '' });
    using _run = gateway.venue.run({ everyMs: 100 });
    await gateway.clock.hurryUntil(() => gateway.candles(five).some(({ closed }) => closed), 'a closed candle');
    const asked = gateway.venue.requests.filter((request) => request.path === path);
    expect(asked.slice(0, 2).map(({ status }) => status)).toEqual([204, 200]);
    expect(gateway.conditions(five)).toEqual([{ kind: 'live' }]);
    expect(await invalidMessages(gateway)).toBeUndefined();
  });

  it('without content in place of the list of instruments is not the end of every market: it is asked again', async () => {
    await using gateway = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        faults.rest.nextReply(204, { path: `/v3/accounts/${ACCOUNT.id}/instruments`, body: '' });
      },
    });
    await gateway.waitForState('live', TICK);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['recovering', 'live']);
  });

  it('is not asked for where it can only be a refusal: candles older than any market', async () => {
    await using gateway = await startOandaBroker([]);
    const { broker, clock, venue } = gateway;
    expect(await clock.hurry(broker.fetchCandles({ ...CANDLES, toMs: -315_619_200_000 }))).toEqual([]);
    expect(venue.requests.filter(({ path }) => path.includes('candles'))).toEqual([]);
    const since1960 = await clock.hurry(broker.fetchCandles({ ...CANDLES, fromMs: -315_619_200_000 }));
    expect(since1960.length).toBeGreaterThan(0);
  });

  it.each([
    ["Invalid value specified for 'from'", /^from: /],
    ["Invalid value specified for 'to'", /^to: /],
    ["Invalid value specified for 'granularity'", /^interval: /],
  ])('that refuses one argument is a bad request that names it: %s', async (errorMessage, message) => {
    await using gateway = await startOandaBroker([]);
    const path = `/v3/accounts/${ACCOUNT.id}/instruments/EUR_USD/candles`;
    gateway.venue.faults.rest.nextReply(400, { path, body: JSON.stringify({ errorMessage }) });
    const asked = gateway.clock.hurry(gateway.broker.fetchCandles(CANDLES));
    await expect(asked).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    [
      'the list of instruments',
      ({ faults }: StandInOanda) => {
        faults.rest.nextReply(451, { html: true });
      },
    ],
    [
      'the stream',
      ({ faults }: StandInOanda) => {
        faults.opening.nextReply(451);
      },
    ],
  ])('that will not change by waiting is said in words, and %s is not asked for again soon', async (_name, before) => {
    await using gateway = await startOandaBroker([TICK], { before });
    await gateway.waitForState('recovering', TICK);
    expect(gateway.conditions(TICK).at(-1)).toMatchObject({
      reason: expect.stringContaining('does not serve this location (HTTP 451)') as string,
    });
    expect(gateway.statuses.at(-1)).toMatchObject({ kind: 'waiting' });
    const asked = gateway.venue.requests.length;
    await gateway.clock.skip(60_000);
    expect(gateway.venue.requests).toHaveLength(asked);
  });
});

describe('an instrument that the venue lists later', () => {
  it('is found by who asks for it: the venue is asked again, once a minute at most', async () => {
    await using gateway = await startOandaBroker([]);
    const { broker, clock, venue } = gateway;
    await clock.hurry(broker.catalogTried);
    await clock.hurryUntil(() => gateway.statuses.at(-1)?.kind === 'connected');
    venue.list(listing({ name: 'NEW_USD', price: '1.50000', displayPrecision: 5 }));
    const listings = () => venue.requests.filter(({ path }) => path.endsWith('/instruments')).length;
    await clock.hurry(Promise.all([broker.renewCatalog(), broker.renewCatalog()]));
    expect(broker.catalog?.get('NEW_USD')).toBeDefined();
    await clock.hurry(broker.renewCatalog());
    expect(listings()).toBe(2);
  });

  it.each([
    [
      'a query',
      async ({ urls }: MarketDataServer, symbol: string) => {
        const query = `{ tick(broker: "oanda", symbol: "${symbol}") { symbol } }`;
        const headers = { 'content-type': 'application/json' };
        const reply = await fetch(urls.graphql, { method: 'POST', headers, body: JSON.stringify({ query }) });
        return JSON.stringify(await reply.json());
      },
    ],
    [
      'the raw protocol',
      async ({ urls }: MarketDataServer, symbol: string) => {
        await using client = await RawClient.connect(urls.raw);
        return JSON.stringify(await client.subscribe('oanda', [symbol]));
      },
    ],
  ])('is asked for anew before a symbol is called unknown, by %s', async (_name, ask) => {
    await using venue = await StandInOanda.start();
    const { restUrl, streamUrl } = venue;
    const oanda = { kind: 'oanda', restUrl, streamUrl, token: ACCOUNT.token, accountId: ACCOUNT.id };
    await using gateway = await startGateway({ config: { brokers: { oanda } } });
    const listings = () => venue.requests.filter(({ path }) => path.endsWith('/instruments')).length;
    expect(await ask(gateway, 'EUR_USD')).not.toContain('UNKNOWN_SYMBOL');
    expect(listings()).toBe(1);
    venue.list(listing({ name: 'NEW_USD', price: '1.50000', displayPrecision: 5 }));
    expect(await ask(gateway, 'NEW_USD')).not.toContain('UNKNOWN_SYMBOL');
    expect(await ask(gateway, 'NONE_USD')).toContain('UNKNOWN_SYMBOL');
    expect(listings()).toBe(2);
  });
});

describe('one instrument that is odd', () => {
  const YEN = feedOf('USD_JPY', 'tick');

  it('because the venue states no sizes has ticks without sizes, and no message counts as invalid', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, YEN], {
      before: ({ faults }) => {
        faults.stream.style = { liquidity: 'absent' };
      },
    });
    await gateway.waitForState('live', TICK, YEN);
    await gateway.waitForState('withdrawn', BOOK);
    expect(gateway.ticks(TICK).at(-1)).toMatchObject({ bidSize: null, askSize: null });
    expect(await gateway.clock.hurry(gateway.broker.fetchTick('EUR_USD'))).toMatchObject({ bidSize: null });
    expect(await gateway.clock.hurry(gateway.broker.fetchOrderBook('EUR_USD', 5))).toBeNull();
    expect(await invalidMessages(gateway)).toBeUndefined();
    gateway.venue.faults.stream.style = {};
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await gateway.waitForState('live', BOOK);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });

  it('because its prices make no sense is counted, logged once by name and set aside, and its neighbours go on', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, YEN]);
    await gateway.waitForState('live', TICK, BOOK, YEN);
    const { faults } = gateway.venue;
    for (let count = 0; count < 60; count += 1) {
      faults.malformed(`{"type":"PRICE","instrument":"EUR_USD","time":"soon","bids":${count}}\n`);
    }
    await gateway.waitForState('stale', TICK, BOOK);
    gateway.venue.price(ACCOUNT.id, 'USD_JPY', { bid: '141.000' });
    await waitFor(() => gateway.ticks(YEN).at(-1)?.bid === '141.000');
    expect(gateway.conditions(YEN)).toEqual([{ kind: 'live' }]);
    expect(await invalidMessages(gateway)).toBe(60);
    expect(gateway.log.filter((line) => line.includes('make no sense'))).toMatchObject([
      expect.stringContaining('"symbol":"EUR_USD"'),
    ]);
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await gateway.waitForState('live', TICK, BOOK);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });

  it('because a price is made hours ahead begins anew in seconds, candles too, and its neighbours go on', async () => {
    const fiveSeconds = feedOf('EUR_USD', 'candle', '5s');
    await using gateway = await startOandaBroker([TICK, BOOK, fiveSeconds, YEN], { venue: FAST });
    await gateway.waitForState('live', TICK, BOOK, fiveSeconds, YEN);
    const { venue, clock } = gateway;
    const time = new Date(clock.now() + 36_000_000).toISOString();
    const [bids, asks] = ['1.08', '1.09'].map((price) => [{ price, liquidity: 1_000 }]);
    venue.faults.malformed(`${JSON.stringify({ type: 'PRICE', instrument: 'EUR_USD', time, bids, asks })}\n`);
    await waitFor(() => gateway.ticks(TICK).at(-1)?.time === time, 'the price from ahead');
    const before = clock.now();
    using _run = venue.run({ everyMs: 100 });
    await clock.hurryUntil(() => (gateway.ticks(TICK).at(-1)?.time ?? time) < time, 'a present price');
    expect(clock.now() - before).toBeLessThan(20_000);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['live', 'recovering', 'live']);
    const isPresent = ({ openTime, closed }: { openTime: string; closed: boolean }) => closed && openTime < time;
    await clock.hurryUntil(() => gateway.candles(fiveSeconds).filter(isPresent).length >= 2, 'closed candles');
    await gateway.waitForState('live', TICK, BOOK, fiveSeconds);
    expect(gateway.conditions(YEN)).toEqual([{ kind: 'live' }]);
    expect(venue.streamAttempts()).toBe(1);
  });

  it('that nobody asked for is counted, and ends no connection', async () => {
    await using gateway = await startOandaBroker([TICK]);
    await gateway.waitForState('live', TICK);
    for (let count = 0; count < 60; count += 1) {
      gateway.venue.faults.malformed('{"type":"PRICE","instrument":"ZAR_JPY","time":"1","bids":[],"asks":[]}\n');
    }
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08000');
    expect(await invalidMessages(gateway)).toBe(60);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });

  it('in the list of instruments is left out alone, counted, and logged by name', async () => {
    const listed = [{ name: 'EUR_USD', displayPrecision: '5' }, { name: 'USD_JPY' }, { name: 7 }, { displayName: 'X' }];
    await using gateway = await startOandaBroker([TICK, YEN], {
      before: ({ faults }) => {
        const path = `/v3/accounts/${ACCOUNT.id}/instruments`;
        faults.rest.nextReply(200, { path, body: JSON.stringify({ instruments: [...listed, 'AUD_USD'] }) });
      },
    });
    await gateway.waitForState('live', TICK, YEN);
    expect(gateway.broker.catalog?.instruments.map(({ symbol }) => symbol)).toEqual(['EUR_USD', 'USD_JPY']);
    expect(await invalidMessages(gateway)).toBe(3);
    expect(
      gateway.log.filter((line) => line.includes('an instrument that the venue lists makes no sense')),
    ).toHaveLength(1);
  });

  it('that the venue no longer knows spoils no answer about the newest candles of others', async () => {
    const five = [feedOf('EUR_USD', 'candle', '5s'), feedOf('AUD_USD', 'candle', '5s')] as const;
    const gone = feedOf('USD_JPY', 'candle', '5s');
    await using gateway = await startOandaBroker([...five, gone], { venue: FAST });
    await gateway.waitForState('live', ...five, gone);
    gateway.venue.market('USD_JPY').tick();
    gateway.venue.unlist('USD_JPY');
    using _run = gateway.venue.run({ everyMs: 100 });
    const isClosed = (feed: (typeof five)[number]): boolean =>
      gateway.candles(feed).filter(({ closed }) => closed).length >= 2;
    await gateway.clock.hurryUntil(() => five.every(isClosed), 'closed candles of the others');
    for (const feed of five) expect(gateway.conditions(feed)).toEqual([{ kind: 'live' }]);
  });

  it('in an answer with candles of several harms none of the others', async () => {
    const minuteOfYen = feedOf('USD_JPY', 'candle', '1m');
    await using gateway = await startOandaBroker([MINUTE, minuteOfYen], { venue: FAST });
    await gateway.waitForState('live', MINUTE, minuteOfYen);
    const candle = (fields: object) => ({ complete: true, volume: 1, time: '1', mid: {}, ...fields });
    gateway.venue.faults.rest.nextReply(200, {
      path: `/v3/accounts/${ACCOUNT.id}/instruments/EUR_USD/candles`,
      body: JSON.stringify({
        candles: [
          candle({ time: '1767322860', mid: { o: '1', h: '1', l: '1', c: '1' } }),
          candle({ time: '1767322920' }),
          candle({ time: '1767322980', mid: { o: '1', h: '1', l: '1', c: '1' }, volume: 'many' }),
        ],
      }),
    });
    const asked = gateway.broker.fetchCandles({
      symbol: 'EUR_USD',
      interval: '1m',
      fromMs: null,
      toMs: 1_767_323_040_000,
      limit: 3,
    });
    expect((await gateway.clock.hurry(asked)).some(({ openTime }) => openTime === '2026-01-02T03:01:00.000Z')).toBe(
      true,
    );
    expect(gateway.log.filter((line) => line.includes('candles of the venue make no sense'))).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { waitFor } from '../support/waitFor.ts';

/** For a clock that is faster than the venue's. */
const FAST = { heartbeatMs: 20, limits: { connectionsPerSecond: 1_000, requestsPerSecond: 10_000 } };

const TICK = feedOf('EUR_USD', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');
const MINUTE = feedOf('EUR_USD', 'candle', '1m');

describe('one instrument that is odd', () => {
  const YEN = feedOf('USD_JPY', 'tick');
  const invalid = async (gateway: Awaited<ReturnType<typeof startOandaBroker>>): Promise<number | undefined> =>
    (await gateway.metrics.invalidMessages.get()).values[0]?.value;

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
    expect(await invalid(gateway)).toBeUndefined();
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
    expect(await invalid(gateway)).toBe(60);
    expect(gateway.log.filter((line) => line.includes('make no sense'))).toMatchObject([
      expect.stringContaining('"symbol":"EUR_USD"'),
    ]);
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await gateway.waitForState('live', TICK, BOOK);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });

  it('that nobody asked for is counted, and ends no connection', async () => {
    await using gateway = await startOandaBroker([TICK]);
    await gateway.waitForState('live', TICK);
    for (let count = 0; count < 60; count += 1) {
      gateway.venue.faults.malformed('{"type":"PRICE","instrument":"ZAR_JPY","time":"1","bids":[],"asks":[]}\n');
    }
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08000');
    expect(await invalid(gateway)).toBe(60);
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
    expect(await invalid(gateway)).toBe(3);
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
          candle({ time: '60', mid: { o: '1', h: '1', l: '1', c: '1' } }),
          candle({ time: '120' }),
          candle({ time: '180', mid: { o: '1', h: '1', l: '1', c: '1' }, volume: 'many' }),
        ],
      }),
    });
    const asked = gateway.broker.fetchCandles({
      symbol: 'EUR_USD',
      interval: '1m',
      fromMs: null,
      toMs: 240_000,
      limit: 3,
    });
    expect((await gateway.clock.hurry(asked)).some(({ openTime }) => openTime === '1970-01-01T00:01:00.000Z')).toBe(
      true,
    );
    expect(gateway.log.filter((line) => line.includes('candles of the venue make no sense'))).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { acknowledge, feedOf, historicCandle, kline, send, startBroker, unavailable } from './harness.ts';

const MINUTE = 60_000;
/** Of the fake clock: 03:04:05. */
const START = Date.UTC(2026, 0, 2, 3, 4, 0);
const feed = feedOf('BTCUSDT', 'candle', '1m');
const seconds = feedOf('BTCUSDT', 'candle', '1s');
const fives = feedOf('BTCUSDT', 'candle', '5s');

const minute = (index: number, x = false, after = x ? MINUTE : 500) =>
  kline(START + index * MINUTE, { x, E: START + index * MINUTE + after, i: '1m', lengthMs: MINUTE });

async function startCandles(...feeds: [typeof feed, ...(typeof feed)[]]) {
  const harness = startBroker();
  const socket = await harness.goLive(...feeds);
  return {
    ...harness,
    socket,
    candles: (of = feeds[0]) =>
      harness.events(of).map((event) => {
        if (event.type !== 'candle') throw new Error('not a candle');
        return `${event.interval} ${event.openTime.slice(14, 19)}${event.closed ? ' closed' : ''}`;
      }),
  };
}

describe('candles', () => {
  it('are closed once, by the flag, however late that comes', async () => {
    const { socket, candles } = await startCandles(feed);
    for (const data of [
      minute(0),
      minute(0, false, 62_000),
      minute(0, true, 62_300),
      minute(0, true, 62_400),
      minute(0, false, 62_500),
    ]) {
      send(socket, 'btcusdt@kline_1m', data);
    }
    expect(candles()).toEqual(['1m 04:00', '1m 04:00', '1m 04:00 closed']);
  });

  it('end when the venue says, for a halt may cut one short', async () => {
    const { socket, events } = await startCandles(feed);
    const { k, ...rest } = minute(0, true);
    send(socket, 'btcusdt@kline_1m', { ...rest, k: { ...k, T: START + 20_999 } });
    expect(events(feed)).toMatchObject([{ closeTime: '2026-01-02T03:04:21.000Z', closed: true }]);
  });

  it('of another interval are malformed', async () => {
    const { socket, candles, counter } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', kline(START));
    expect(candles()).toEqual([]);
    expect(await counter('invalidMessages')).toEqual([{ source: 'binance', value: 1 }]);
  });

  it.each([
    ['that is longer than its interval', kline(START, { i: '1m', lengthMs: MINUTE + 1 })],
    ['from days ahead', minute(10_000)],
  ])('%s are malformed, and the next is understood', async (_name, data) => {
    const { socket, candles, counter } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', data);
    send(socket, 'btcusdt@kline_1m', minute(0));
    expect(candles()).toEqual(['1m 04:00']);
    expect(await counter('invalidMessages')).toEqual([{ source: 'binance', value: 1 }]);
  });

  it('go on, with a word, when one from ahead has made them look old for ten seconds', async () => {
    const { socket, clock, candles, conditions } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0));
    send(socket, 'btcusdt@kline_1m', minute(30));
    await clock.advance(1_000);
    const before = candles().length;
    send(socket, 'btcusdt@kline_1m', minute(1));
    await clock.advance(9_000);
    send(socket, 'btcusdt@kline_1m', minute(1, false, 9_500));
    expect(candles()).toHaveLength(before);
    await clock.advance(1_100);
    send(socket, 'btcusdt@kline_1m', minute(1, false, 10_600));
    send(socket, 'btcusdt@kline_1m', minute(1, true));
    expect(candles().slice(before)).toEqual(['1m 05:00', '1m 05:00 closed']);
    expect(conditions(feed).slice(-3)).toMatchObject([{ kind: 'recovering' }, { kind: 'gap' }, { kind: 'live' }]);
  });

  it('that were closed may be closed again and again', async () => {
    const { socket, clock, candles } = await startCandles(feed);
    for (let times = 0; times < 5; times += 1) {
      send(socket, 'btcusdt@kline_1m', minute(0, true, MINUTE + times * 5_000));
      await clock.advance(5_000);
    }
    expect(candles()).toEqual(['1m 04:00 closed']);
  });

  it('missed in an outage are fetched, each closed once and in order, before the new ones', async () => {
    const { socket, rest, reconnect, clock, candles, conditions } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0, true, 60_100));
    send(socket, 'btcusdt@kline_1m', minute(1));
    socket.drop();
    const { promise, resolve } = Promise.withResolvers<void>();
    rest.candles = async () => {
      await promise;
      return [0, 1, 2, 3].map((index) => historicCandle(START + index * MINUTE, index < 3));
    };
    const next = await reconnect();
    send(next, 'btcusdt@kline_1m', minute(3, false, 1_000));
    send(next, 'btcusdt@kline_1m', minute(3, false, 3_000));
    await clock.advance(0);
    expect(candles()).toEqual(['1m 04:00 closed', '1m 05:00']);
    expect(conditions(feed).at(-1)?.kind).toBe('recovering');
    resolve();
    await clock.advance(0);
    expect(candles().slice(2)).toEqual(['1m 05:00 closed', '1m 06:00 closed', '1m 07:00']);
    expect(conditions(feed).at(-1)?.kind).toBe('live');
    expect(rest.asked.find(({ what }) => what === 'candles')?.args[0]).toMatchObject({ interval: '1m', fromMs: START });
  });

  it('that wait for what was missed are closed too if their ends come behind the beginning of the next', async () => {
    const { socket, rest, reconnect, clock, candles } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0, true, 60_100));
    socket.drop();
    const { promise, resolve } = Promise.withResolvers<void>();
    rest.candles = async () => {
      await promise;
      return [0, 1].map((index) => historicCandle(START + index * MINUTE, true));
    };
    const next = await reconnect();
    for (const data of [minute(2), minute(3), minute(2, true, 60_300), minute(4)]) send(next, 'btcusdt@kline_1m', data);
    resolve();
    await clock.advance(0);
    // Whoever goes on behind 07:00 would take it for closed behind 08:00.
    expect(candles().slice(1)).toEqual(['1m 05:00 closed', '1m 06:00', '1m 06:00 closed', '1m 07:00']);
    send(next, 'btcusdt@kline_1m', minute(3, true, 60_900));
    expect(candles().slice(5)).toEqual(['1m 07:00 closed', '1m 08:00']);
  });

  it('that come before the subscription is acknowledged wait for what was missed', async () => {
    const { socket, sockets, rest, clock, candles } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0, true));
    socket.drop();
    rest.candles = () => Promise.resolve([1, 2].map((index) => historicCandle(START + index * MINUTE, true)));
    await clock.advance(1_000);
    sockets.last.open();
    await clock.advance(0);
    send(sockets.last, 'btcusdt@kline_1m', minute(2, true));
    send(sockets.last, 'btcusdt@kline_1m', minute(3));
    expect(candles()).toEqual(['1m 04:00 closed']);
    acknowledge(sockets.last);
    await clock.advance(0);
    expect(candles().slice(1)).toEqual(['1m 05:00 closed', '1m 06:00 closed', '1m 07:00']);
  });

  it('show the open one of history if nothing newer came', async () => {
    const { socket, rest, reconnect, candles, clock } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0));
    socket.drop();
    rest.candles = () => Promise.resolve([historicCandle(START, true), historicCandle(START + MINUTE, false)]);
    await reconnect();
    await clock.advance(0);
    expect(candles()).toEqual(['1m 04:00', '1m 04:00 closed', '1m 05:00']);
  });

  it('that can not be fetched are reported as doubtful, and the feed goes on', async () => {
    const { socket, rest, reconnect, candles, clock, conditions, counter } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0));
    socket.drop();
    rest.candles = () => Promise.reject(unavailable());
    const next = await reconnect();
    send(next, 'btcusdt@kline_1m', minute(2));
    await clock.advance(30_000);
    expect(candles()).toEqual(['1m 04:00', '1m 06:00']);
    expect(conditions(feed).slice(-2)).toEqual([
      {
        kind: 'gap',
        reason: 'Candles of BTCUSDT since 2026-01-02T03:04:00.000Z may be missing.',
        to: '2026-01-02T03:06:00.500Z',
      },
      { kind: 'live' },
    ]);
    expect(await counter('gaps')).toEqual([{ broker: 'binance', type: 'candle', value: 1 }]);
  });

  it('that waited when the connection was lost again are forgotten, for history is newer', async () => {
    const { socket, rest, reconnect, clock, candles, events } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0, true));
    socket.drop();
    rest.candles = () => new Promise(() => {});
    const second = await reconnect();
    send(second, 'btcusdt@kline_1m', minute(2));
    second.drop();
    rest.candles = () => Promise.resolve([0, 1, 2].map((index) => historicCandle(START + index * MINUTE, index < 2)));
    await reconnect();
    await clock.advance(0);
    expect(candles()).toEqual(['1m 04:00 closed', '1m 05:00 closed', '1m 06:00']);
    expect(events(feed).at(-1)).toMatchObject({ close: '1' });
  });

  it('whose end comes a moment after the beginning of the next pass in order', async () => {
    const { socket, rest, clock, candles, conditions } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0));
    send(socket, 'btcusdt@kline_1m', minute(1, false, 100));
    send(socket, 'btcusdt@kline_1m', minute(1, false, 300));
    await clock.advance(500);
    expect(candles()).toEqual(['1m 04:00']);
    send(socket, 'btcusdt@kline_1m', minute(0, true, 60_600));
    expect(candles()).toEqual(['1m 04:00', '1m 04:00 closed', '1m 05:00']);
    await clock.advance(10_000);
    expect(rest.count('candles')).toBe(0);
    expect(conditions(feed).some(({ kind }) => kind === 'gap')).toBe(false);
  });

  it('that the open connection leaves out are fetched, and come before the next', async () => {
    const { socket, rest, clock, candles, conditions } = await startCandles(feed);
    rest.candles = () =>
      Promise.resolve([0, 1, 2, 3].map((index) => historicCandle(START + index * MINUTE, index < 3)));
    send(socket, 'btcusdt@kline_1m', minute(0, true));
    send(socket, 'btcusdt@kline_1m', minute(3));
    expect(candles()).toEqual(['1m 04:00 closed']);
    await clock.advance(1_000);
    expect(candles().slice(1)).toEqual(['1m 05:00 closed', '1m 06:00 closed', '1m 07:00']);
    expect(rest.asked.find(({ what }) => what === 'candles')?.args[0]).toMatchObject({ fromMs: START });
    expect(conditions(feed).at(-1)?.kind).toBe('live');
  });

  it('that are left out and nobody has are reported as missing, and never come behind newer ones', async () => {
    const { socket, rest, reconnect, clock, candles, conditions, counter } = await startCandles(feed);
    send(socket, 'btcusdt@kline_1m', minute(0, true));
    rest.candles = () => Promise.resolve([historicCandle(START, true)]);
    send(socket, 'btcusdt@kline_1m', minute(2, true));
    await clock.advance(1_000);
    expect(candles()).toEqual(['1m 04:00 closed', '1m 06:00 closed']);
    expect(conditions(feed).filter(({ kind }) => kind === 'gap')).toEqual([
      {
        kind: 'gap',
        reason: 'Candles of BTCUSDT since 2026-01-02T03:04:00.000Z may be missing.',
        to: '2026-01-02T03:07:00.000Z',
      },
    ]);
    expect(await counter('gaps')).toEqual([{ broker: 'binance', type: 'candle', value: 1 }]);
    socket.drop();
    rest.candles = () =>
      Promise.resolve([0, 1, 2, 3].map((index) => historicCandle(START + index * MINUTE, index < 3)));
    await reconnect();
    await clock.advance(0);
    expect(candles().slice(2)).toEqual(['1m 07:00']);
  });

  it('ask no history at their first beginning, for nothing can have been missed', async () => {
    const { rest } = await startCandles(feed);
    expect(rest.count('candles')).toBe(0);
  });
});

describe('candles of five seconds', () => {
  const at = START + 5_000;

  it('are made from seconds, and each feed hears its own interval only', async () => {
    const { socket, candles, clock } = await startCandles(seconds, fives);
    await clock.advance(0);
    for (let index = 0; index < 6; index += 1) send(socket, 'btcusdt@kline_1s', kline(at + index * 1_000, { x: true }));
    expect(candles(seconds)).toEqual(['05', '06', '07', '08', '09', '10'].map((second) => `1s 04:${second} closed`));
    expect(candles(fives)).toEqual(['5s 04:05', '5s 04:05', '5s 04:05', '5s 04:05', '5s 04:05 closed', '5s 04:10']);
  });

  it('begin with the seconds that had passed before they were wanted', async () => {
    const harness = startBroker();
    await harness.clock.advance(3_000);
    harness.rest.candles = () =>
      Promise.resolve([0, 1, 2].map((index) => historicCandle(at + index * 1_000, true, '1s', 1_000)));
    const socket = await harness.goLive(fives, seconds);
    await harness.clock.advance(0);
    send(socket, 'btcusdt@kline_1s', kline(at + 3_000, { x: true }));
    expect(harness.events(fives).at(-1)).toMatchObject({
      openTime: '2026-01-02T03:04:05.000Z',
      volume: '4',
      tradeCount: 4,
    });
    expect(harness.events(seconds)).toHaveLength(1);
  });

  it('that are wanted later lack no second', async () => {
    const { socket, rest, want, clock, candles } = await startCandles(seconds);
    const first = START + 5_000;
    send(socket, 'btcusdt@kline_1s', kline(first + 1_000, { x: true }));
    want(seconds, fives);
    await clock.advance(0);
    for (const second of [2, 3, 4, 5]) send(socket, 'btcusdt@kline_1s', kline(first + second * 1_000, { x: true }));
    expect(candles(fives)).toEqual(['5s 04:10']);
    expect(rest.count('candles')).toBe(0);
  });

  it('that lack seconds after an outage are not passed on', async () => {
    const { socket, rest, reconnect, clock, candles } = await startCandles(fives);
    await clock.advance(0);
    send(socket, 'btcusdt@kline_1s', kline(at, { x: true }));
    socket.drop();
    rest.candles = () => Promise.reject(unavailable());
    const next = await reconnect();
    await clock.advance(30_000);
    const later = Math.ceil(clock.now() / 5_000) * 5_000;
    for (let index = 0; index < 5; index += 1)
      send(next, 'btcusdt@kline_1s', kline(later + index * 1_000, { x: true }));
    expect(candles().filter((candle) => candle.endsWith('closed'))).toHaveLength(1);
  });

  it('begin with the next whole one if the past can not be had', async () => {
    const harness = startBroker();
    harness.rest.candles = () => Promise.reject(unavailable());
    const socket = await harness.goLive(fives);
    await harness.clock.advance(31_000);
    for (let second = 1; second < 5; second += 1)
      send(socket, 'btcusdt@kline_1s', kline(at + second * 1_000, { x: true }));
    expect(harness.events(fives)).toEqual([]);
    send(socket, 'btcusdt@kline_1s', kline(at + 5_000, { x: true }));
    expect(harness.events(fives)).toHaveLength(1);
  });
});

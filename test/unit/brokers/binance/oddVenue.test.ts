import { describe, expect, it } from 'vitest';
import { depth, feedOf, kline, send, snapshot, startBroker, tick, trade } from './harness.ts';

const ticks = feedOf('BTCUSDT', 'tick');
const trades = feedOf('BTCUSDT', 'trade');
const book = feedOf('BTCUSDT', 'orderbook');

async function startTrades() {
  const harness = startBroker();
  const socket = await harness.goLive(trades);
  return {
    ...harness,
    socket,
    ids: () => harness.events(trades).map((event) => (event.type === 'trade' ? Number(event.tradeId) : null)),
  };
}

describe('numbers that begin anew', () => {
  it('on the next connection cost no tick', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    send(socket, 'btcusdt@bookTicker', tick(1_000));
    socket.drop();
    const next = await harness.reconnect();
    send(next, 'btcusdt@bookTicker', tick(1));
    send(next, 'btcusdt@bookTicker', tick(2));
    expect(harness.events(ticks)).toHaveLength(3);
  });

  it('on the next connection cost no trade; that some may be missing is said and counted', async () => {
    const scene = await startTrades();
    send(scene.socket, 'btcusdt@trade', trade(1_000, 5_000));
    scene.socket.drop();
    const next = await scene.reconnect();
    send(next, 'btcusdt@trade', trade(1, 5_001));
    send(next, 'btcusdt@trade', trade(2, 5_002));
    expect(scene.ids()).toEqual([1_000, 1, 2]);
    expect(scene.conditions(trades).map(({ kind }) => kind)).toEqual([
      'recovering',
      'live',
      'recovering',
      'live',
      'recovering',
      'live',
      'gap',
    ]);
    expect(await scene.counter('gaps')).toEqual([{ broker: 'binance', type: 'trade', value: 1 }]);
  });

  it('on the same connection cost no tick for longer than ten seconds', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    send(socket, 'btcusdt@bookTicker', tick(1_000));
    for (let u = 1; u <= 14; u += 1) {
      send(socket, 'btcusdt@bookTicker', tick(u));
      await harness.clock.advance(1_000);
    }
    expect(harness.events(ticks)).toHaveLength(4);
  });

  it('on the same connection are noticed by the venue’s time', async () => {
    const scene = await startTrades();
    send(scene.socket, 'btcusdt@trade', trade(1_000, 5_000));
    send(scene.socket, 'btcusdt@trade', trade(1, 6_001));
    expect(scene.ids()).toEqual([1_000, 1]);
  });

  it('on the same connection have the book fetched anew', async () => {
    const harness = startBroker();
    harness.rest.depth = () => Promise.resolve(snapshot(1_000));
    const socket = await harness.goLive(book);
    send(socket, 'btcusdt@depth@100ms', { ...depth(1_000, 1_001), E: 1_000 });
    await harness.clock.advance(0);
    expect(harness.rest.count('depth')).toBe(1);
    harness.rest.depth = () => Promise.resolve(snapshot(5));
    send(socket, 'btcusdt@depth@100ms', { ...depth(5, 6), E: 3_000 });
    send(socket, 'btcusdt@depth@100ms', { ...depth(7, 8), E: 3_100 });
    await harness.clock.advance(1_000);
    expect(harness.rest.count('depth')).toBe(2);
    expect(harness.conditions(book).at(-1)?.kind).toBe('live');
  });

  it('are not seen in what two connections deliver twice, however late', async () => {
    const scene = await startTrades();
    for (let id = 1; id <= 5; id += 1) send(scene.socket, 'btcusdt@trade', trade(id, id * 1_000));
    for (let id = 1; id <= 5; id += 1) send(scene.socket, 'btcusdt@trade', trade(id, id * 1_000));
    expect(scene.ids()).toEqual([1, 2, 3, 4, 5]);
  });

  it('are not seen in trades of before the loss that the next connection delivers, too', async () => {
    const scene = await startTrades();
    for (let id = 1; id <= 3; id += 1) send(scene.socket, 'btcusdt@trade', trade(id, id * 1_000));
    scene.socket.drop();
    const next = await scene.reconnect();
    for (let id = 2; id <= 4; id += 1) send(next, 'btcusdt@trade', trade(id, id * 1_000));
    expect(scene.ids()).toEqual([1, 2, 3, 4]);
  });
});

describe('a quote with one side', () => {
  it('withdraws the last tick, once, until there are two sides', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    send(socket, 'btcusdt@bookTicker', tick(1));
    for (const u of [2, 3]) send(socket, 'btcusdt@bookTicker', { ...tick(u), b: '0.00000000', B: '0.00000000' });
    expect(harness.conditions(ticks).slice(1)).toEqual([
      { kind: 'live' },
      { kind: 'withdrawn', reason: 'The venue quotes no bid or no ask of BTCUSDT.' },
    ]);
    const late = feedOf('BTCUSDT', 'tick');
    harness.want(ticks, late);
    expect(harness.conditions(late)).toMatchObject([{ kind: 'withdrawn' }]);
    send(socket, 'btcusdt@bookTicker', tick(4));
    expect(harness.told.slice(-4)).toMatchObject([
      { event: { type: 'tick' } },
      { event: { type: 'tick' } },
      { condition: { kind: 'live' } },
      { condition: { kind: 'live' } },
    ]);
  });

  it('withdraws it whichever side is gone, also as the first thing that comes', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    send(socket, 'btcusdt@bookTicker', { ...tick(1), a: '0.00000000', A: '0.00000000' });
    expect(harness.conditions(ticks).at(-1)?.kind).toBe('withdrawn');
    expect(harness.events(ticks)).toEqual([]);
  });
});

describe('a stream that can not be read', () => {
  it('is stale by name, while its neighbours and the connection go on', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks, trades);
    for (let count = 1; count <= 200; count += 1) {
      send(socket, 'btcusdt@trade', { ...trade(count), p: 7 });
      send(socket, 'btcusdt@bookTicker', tick(count));
    }
    expect(socket.gone).toBe(false);
    expect(harness.events(ticks)).toHaveLength(200);
    expect(harness.conditions(trades).at(-1)).toEqual({
      kind: 'stale',
      reason: "What the venue sends of BTCUSDT can't be read.",
    });
    expect(await harness.counter('invalidMessages')).toEqual([{ source: 'binance', value: 200 }]);
    send(socket, 'btcusdt@trade', trade(201));
    expect(harness.conditions(trades).at(-1)).toEqual({ kind: 'live' });
  });
});

describe('a stream that counts in microseconds', () => {
  const seconds = feedOf('BTCUSDT', 'candle', '1s');
  const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
  const micros = AT * 1_000 + 250;

  it.each([
    ['trades', trades, 'btcusdt@trade', { ...trade(1), E: micros, T: micros }, '2026-01-02T03:04:05.000250Z'],
    [
      'aggregate trades',
      trades,
      'btcusdt@aggTrade',
      { ...trade(1), e: 'aggTrade', a: 1, E: micros, T: micros },
      '2026-01-02T03:04:05.000250Z',
    ],
    [
      'candles',
      seconds,
      'btcusdt@kline_1s',
      { ...kline(AT), E: micros, k: { ...kline(AT).k, t: AT * 1_000, T: AT * 1_000 + 999_999 } },
      '2026-01-02T03:04:05.000250Z',
    ],
  ])('is read, and none of its %s is dropped', async (name, feed, stream, message, time) => {
    const harness = startBroker({ trades: name === 'aggregate trades' ? 'aggregate' : 'individual' });
    const socket = await harness.goLive(feed);
    send(socket, stream, message);
    expect(harness.events(feed)).toMatchObject([{ time }]);
    expect(await harness.counter('invalidMessages')).toEqual([]);
  });

  it('is read, and its book stays in step', async () => {
    const harness = startBroker();
    harness.rest.depth = () => Promise.resolve(snapshot(10));
    const socket = await harness.goLive(book);
    for (let id = 10; id < 15; id += 1) {
      send(socket, 'btcusdt@depth@100ms', { ...depth(id, id + 1), E: micros + id });
      await harness.clock.advance(100);
    }
    expect(harness.events(book).at(-1)).toMatchObject({ kind: 'delta', time: '2026-01-02T03:04:05.000264Z' });
    expect(harness.conditions(book).at(-1)).toEqual({ kind: 'live' });
  });
});

describe('what comes late', () => {
  const candles = feedOf('BTCUSDT', 'candle', '1s');
  type Harness = Awaited<ReturnType<typeof startBroker>>;

  /** Seconds in which all streams send what the venue made `lateMs` before, by its clock. */
  async function run(
    harness: Harness,
    { seconds, lateMs, venueAheadMs = 0 }: Record<string, number> & { seconds: number; lateMs: number },
  ) {
    harness.rest.time = () => Promise.resolve(harness.clock.now() + (venueAheadMs ?? 0));
    for (let second = 0; second < seconds; second += 1) {
      const at = harness.clock.now() + (venueAheadMs ?? 0) - lateMs;
      const id = harness.clock.monotonic() / 1_000 + 1;
      send(harness.sockets.last, 'btcusdt@trade', trade(id, at));
      send(harness.sockets.last, 'btcusdt@bookTicker', tick(id));
      send(harness.sockets.last, 'btcusdt@kline_1s', kline(Math.floor(at / 1_000) * 1_000, { E: at }));
      await harness.clock.advance(1_000);
    }
  }

  const last = (harness: Harness) =>
    [trades, candles, ticks].map((feed) => harness.conditions(feed).findLast(({ kind }) => kind !== 'gap'));

  it('is stale by its age, with how late it is, and live when it is in time again', async () => {
    const harness = startBroker();
    await harness.goLive(trades, candles, ticks);
    await run(harness, { seconds: 5, lateMs: 100 });
    expect(last(harness).map((condition) => condition?.kind)).toEqual(['live', 'live', 'live']);
    await run(harness, { seconds: 5, lateMs: 90_000 });
    expect(last(harness)).toMatchObject([
      { kind: 'stale', reason: 'What comes of BTCUSDT is 90 s late.' },
      { kind: 'stale', reason: 'What comes of BTCUSDT is 90 s late.' },
      { kind: 'stale', reason: 'What comes over the connection to the venue is late.' },
    ]);
    await run(harness, { seconds: 5, lateMs: 0 });
    expect(last(harness).map((condition) => condition?.kind)).toEqual(['live', 'live', 'live']);
  });

  it('is a book, too', async () => {
    const harness = startBroker();
    harness.rest.depth = () => Promise.resolve(snapshot(1_000));
    harness.rest.time = () => Promise.resolve(harness.clock.now());
    const socket = await harness.goLive(book);
    let id = 1_000;
    const runBook = async (lateMs: number) => {
      for (let second = 0; second < 5; second += 1) {
        send(socket, 'btcusdt@depth@100ms', { ...depth(id, (id += 1)), E: harness.clock.now() - lateMs });
        await harness.clock.advance(1_000);
      }
      return harness.conditions(book).at(-1);
    };
    expect(await runBook(0)).toEqual({ kind: 'live' });
    expect(await runBook(90_000)).toEqual({ kind: 'stale', reason: 'What comes of BTCUSDT is 90 s late.' });
    expect(await runBook(0)).toEqual({ kind: 'live' });
  });

  it.each([3_600_000, -3_600_000])('is not what came just before our clock was set by %i ms', async (ms) => {
    const harness = startBroker();
    await harness.goLive(trades, candles, ticks);
    await run(harness, { seconds: 5, lateMs: 0 });
    send(harness.sockets.last, 'btcusdt@trade', trade(6, harness.clock.now()));
    harness.clock.jumpWall(ms);
    await harness.clock.advance(3_000);
    expect(harness.conditions().filter(({ kind }) => kind === 'stale')).toEqual([]);
  });

  it('is not what a recording of long ago delivers', async () => {
    const harness = startBroker();
    await harness.goLive(trades, candles, ticks);
    await run(harness, { seconds: 5, lateMs: 40_000_000_000 });
    expect(last(harness).map((condition) => condition?.kind)).toEqual(['live', 'live', 'live']);
  });

  it('is measured by the venue’s clock, not by ours', async () => {
    const harness = startBroker();
    await harness.goLive(trades, candles, ticks);
    await run(harness, { seconds: 5, lateMs: 0, venueAheadMs: -90_000 });
    expect(last(harness).map((condition) => condition?.kind)).toEqual(['live', 'live', 'live']);
    await run(harness, { seconds: 5, lateMs: 60_000, venueAheadMs: -90_000 });
    expect(last(harness)).toMatchObject([{ reason: 'What comes of BTCUSDT is 60 s late.' }, {}, {}]);
  });
});

import { describe, expect, it } from 'vitest';
import type { FakeSocket } from '../../../support/FakeSockets.ts';
import {
  acknowledge,
  depth,
  feedOf,
  kline,
  openAndAcknowledge,
  send,
  snapshot,
  startBroker,
  tick,
  trade,
} from './harness.ts';

const HOUR = 3_600_000;
const ticks = feedOf('BTCUSDT', 'tick');
const trades = feedOf('BTCUSDT', 'trade');
const book = feedOf('BTCUSDT', 'orderbook');
const candles = feedOf('BTCUSDT', 'candle', '1s');

const shutdown = { e: 'serverShutdown', E: 1 };
type Harness = ReturnType<typeof startBroker>;

/** Each second one tick and one trade, on each of the sockets. */
async function run(harness: Harness, count: number, sockets = harness.sockets.alive): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const id = Math.floor(harness.clock.monotonic() / 1_000) + 1;
    for (const socket of sockets) {
      if (socket.gone) continue;
      send(socket, 'btcusdt@bookTicker', tick(id));
      send(socket, 'btcusdt@trade', trade(id));
    }
    await harness.clock.advance(1_000);
  }
}

const ids = (harness: Harness) =>
  harness.events(trades).map((event) => (event.type === 'trade' ? Number(event.tradeId) : Number.NaN));
const kindsOf = (harness: Harness, feed: typeof ticks) => harness.conditions(feed).map(({ kind }) => kind);

describe('a connection that is to be replaced', () => {
  it.each([
    [
      'the server says that it goes down',
      (old: FakeSocket) => {
        send(old, '!serverShutdown', shutdown);
      },
    ],
    [
      'the server says so without a wrapper',
      (old: FakeSocket) => {
        old.json(shutdown);
      },
    ],
  ])('delivers until the next one does, when %s: nothing is lost and nothing twice', async (_, announce) => {
    const harness = startBroker();
    const old = await harness.goLive(ticks, trades);
    await run(harness, 20);
    announce(old);
    announce(old);
    await harness.clock.advance(0);
    expect(harness.sockets.all).toHaveLength(2);
    const next = harness.sockets.last;
    await run(harness, 3, [old]);
    expect(old.gone).toBe(false);
    await openAndAcknowledge(harness.clock, next);
    await run(harness, 5, [old, next]);
    expect(old.gone).toBe(true);
    expect(next.gone).toBe(false);
    await run(harness, 5, [next]);
    expect(ids(harness)).toEqual(Array.from({ length: 33 }, (__, index) => index + 1));
    expect(harness.events(ticks)).toHaveLength(33);
    expect(kindsOf(harness, ticks)).toEqual(['recovering', 'live']);
    expect(kindsOf(harness, trades)).toEqual(['recovering', 'live']);
    expect(harness.statuses.at(-1)?.kind).toBe('connected');
    expect(await harness.counter('reconnects')).toEqual([]);
    expect(await harness.counter('upstreamConnections')).toEqual([{ broker: 'binance', value: 1 }]);
  });

  it('is replaced before the venue would end it', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks);
    for (let minute = 0; minute < 23 * 60; minute += 1) {
      old.ping();
      await harness.clock.advance(30_000);
      old.ping();
      await harness.clock.advance(30_000);
    }
    expect(harness.sockets.all).toHaveLength(1);
    for (let minute = 0; minute < 40; minute += 1) {
      for (const socket of harness.sockets.alive) socket.ping();
      await harness.clock.advance(30_000);
      for (const socket of harness.sockets.alive) socket.ping();
      await harness.clock.advance(30_000);
      if (harness.sockets.all.length === 2) break;
    }
    expect(harness.sockets.all).toHaveLength(2);
    expect(harness.clock.monotonic()).toBeLessThan(23.7 * HOUR);
  });

  it('keeps its book in step, however the two cut the diffs', async () => {
    const harness = startBroker();
    harness.rest.depth = () => Promise.resolve(snapshot(10));
    const old = await harness.goLive(book);
    const stream = 'btcusdt@depth@100ms';
    send(old, stream, depth(10, 12));
    await harness.clock.advance(0);
    send(old, '!serverShutdown', shutdown);
    const next = harness.sockets.last;
    await openAndAcknowledge(harness.clock, next);
    send(next, stream, depth(13, 16));
    send(old, stream, depth(13, 14));
    send(old, stream, depth(15, 18));
    send(next, stream, depth(17, 19));
    await harness.clock.advance(2_000);
    expect(old.gone).toBe(true);
    send(next, stream, depth(20, 20));
    const published = harness.events(book).map((event) => ('kind' in event ? event.kind : ''));
    expect(published).toEqual(['snapshot', 'delta', 'delta', 'delta', 'delta', 'delta']);
    expect(harness.rest.count('depth')).toBe(1);
    expect(kindsOf(harness, book)).toEqual(['recovering', 'live']);
  });

  it('is kept until what normally ticks has ticked on the next one, though not for ever', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks, trades);
    await run(harness, 60);
    for (let fifth = 0; fifth < 50; fifth += 1) {
      send(old, 'btcusdt@bookTicker', tick(1_000 + fifth));
      await harness.clock.advance(200);
    }
    send(old, '!serverShutdown', shutdown);
    await openAndAcknowledge(harness.clock, harness.sockets.last);
    await run(harness, 8, [old]);
    expect(old.gone).toBe(false);
    await run(harness, 4, [old]);
    expect(old.gone).toBe(true);
  });

  it('passes a closed candle on once', async () => {
    const harness = startBroker();
    const old = await harness.goLive(candles);
    await harness.clock.advance(0);
    send(old, '!serverShutdown', shutdown);
    const next = harness.sockets.last;
    await openAndAcknowledge(harness.clock, next);
    for (const socket of [old, next]) {
      send(socket, 'btcusdt@kline_1s', kline(1_000));
      send(socket, 'btcusdt@kline_1s', kline(1_000, { x: true, E: 2_100 }));
    }
    expect(harness.events(candles).map((event) => event.type === 'candle' && event.closed)).toEqual([false, true]);
  });

  it('is taken over at once when it ends early; what the next one has already is not interrupted', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks, trades);
    await run(harness, 20);
    send(old, '!serverShutdown', shutdown);
    const next = harness.sockets.last;
    await openAndAcknowledge(harness.clock, next);
    old.drop('gone');
    await harness.clock.advance(0);
    await run(harness, 3, [next]);
    expect(kindsOf(harness, trades)).toEqual(['recovering', 'live']);
    expect(ids(harness)).toHaveLength(23);
    expect(harness.sockets.all).toHaveLength(2);
    expect(harness.statuses.at(-1)?.kind).toBe('connected');
  });

  it('is taken over when it ends before the next one is open, and its streams are notified', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks);
    send(old, '!serverShutdown', shutdown);
    old.drop('gone');
    await harness.clock.advance(0);
    expect(kindsOf(harness, ticks).at(-1)).toBe('recovering');
    expect(harness.sockets.all).toHaveLength(2);
    await openAndAcknowledge(harness.clock, harness.sockets.last);
    expect(kindsOf(harness, ticks).at(-1)).toBe('live');
    expect(harness.sockets.all).toHaveLength(2);
  });

  it('goes on when the next one fails, which is tried again', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks);
    send(old, '!serverShutdown', shutdown);
    harness.sockets.last.drop('refused');
    await harness.clock.advance(0);
    expect(harness.conditions(ticks).at(-1)?.kind).toBe('live');
    expect(harness.statuses.at(-1)?.kind).toBe('connected');
    await harness.clock.advance(1_000);
    expect(harness.sockets.all).toHaveLength(3);
    expect(old.gone).toBe(false);
    expect(harness.sockets.alive).toHaveLength(2);
  });

  it('subscribes on both what is wanted meanwhile', async () => {
    const harness = startBroker();
    const old = await harness.goLive(ticks);
    send(old, '!serverShutdown', shutdown);
    const next = harness.sockets.last;
    next.open();
    harness.want(ticks, trades);
    await harness.clock.advance(0);
    for (const socket of [old, next]) expect(socket.sent.join()).toContain('btcusdt@trade');
  });
});

describe('silence', () => {
  it('of a connection that is normally busy makes all its feeds stale, and data makes them live again', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks, candles);
    await run(harness, 30);
    socket.ping();
    await harness.clock.advance(9_000);
    expect(kindsOf(harness, ticks).at(-1)).toBe('live');
    await harness.clock.advance(2_500);
    expect(kindsOf(harness, ticks).at(-1)).toBe('stale');
    expect(kindsOf(harness, candles).at(-1)).toBe('stale');
    await run(harness, 1);
    expect(kindsOf(harness, ticks).at(-1)).toBe('live');
    expect(kindsOf(harness, candles).at(-1)).toBe('live');
  });

  it('of a busy connection that still pings has it replaced at once, and the next one delivers', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks, trades);
    await run(harness, 30);
    const quiet = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second += 1) {
        for (const each of harness.sockets.alive) each.ping();
        await harness.clock.advance(1_000);
      }
    };
    await quiet(11);
    expect(harness.statuses.at(-1)).toMatchObject({
      kind: 'degraded',
      reason: expect.stringContaining('Nothing comes'),
    });
    expect(harness.sockets.all).toHaveLength(2);
    await openAndAcknowledge(harness.clock, harness.sockets.last);
    await run(harness, 2, [harness.sockets.last]);
    expect(socket.gone).toBe(true);
    expect(kindsOf(harness, ticks).slice(-2)).toEqual(['stale', 'live']);
    expect(harness.statuses.at(-1)?.kind).toBe('connected');
    expect(await harness.counter('reconnects')).toEqual([{ broker: 'binance', value: 1 }]);
  });

  it('that no new connection ends stays reported, and new connections become rare', async () => {
    const harness = startBroker();
    await harness.goLive(ticks);
    await run(harness, 30);
    for (let second = 0; second < 1_800; second += 1) {
      for (const socket of harness.sockets.alive) {
        socket.ping();
        if (socket.sent.length === 0) await openAndAcknowledge(harness.clock, socket);
      }
      await harness.clock.advance(1_000);
    }
    expect(kindsOf(harness, ticks)).toEqual(['recovering', 'live', 'stale']);
    expect(harness.sockets.all.length).toBeGreaterThan(3);
    expect(harness.sockets.all.length).toBeLessThan(15);
  });

  it('of a quiet market is no silence while the venue pings', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(trades, candles);
    for (let count = 0; count < 20; count += 1) {
      await harness.clock.advance(20_000);
      socket.ping();
    }
    expect(kindsOf(harness, trades)).toEqual(['recovering', 'live']);
    expect(kindsOf(harness, candles)).toEqual(['recovering', 'live']);
  });

  it('of any connection, pings included, is reported after 30 s and ends it after 60 s', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(trades);
    await harness.clock.advance(29_000);
    expect(kindsOf(harness, trades).at(-1)).toBe('live');
    await harness.clock.advance(3_000);
    expect(kindsOf(harness, trades).at(-1)).toBe('stale');
    expect(socket.gone).toBe(false);
    expect(harness.sockets.all).toHaveLength(2);
    await harness.clock.advance(34_000);
    expect(socket.gone).toBe(true);
    expect(kindsOf(harness, trades)).toContain('recovering');
    await openAndAcknowledge(harness.clock, harness.sockets.last);
    expect(kindsOf(harness, trades).at(-1)).toBe('live');
  });

  it('of a tick that was acknowledged and never came is reported, and of a trade is not', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks, trades);
    for (let count = 0; count < 12; count += 1) {
      await harness.clock.advance(1_000);
      socket.ping();
    }
    expect(kindsOf(harness, ticks).at(-1)).toBe('stale');
    expect(kindsOf(harness, trades).at(-1)).toBe('live');
    send(socket, 'btcusdt@bookTicker', tick(1));
    expect(kindsOf(harness, ticks).at(-1)).toBe('live');
  });

  it('of one busy symbol among others is reported for that one alone', async () => {
    const harness = startBroker();
    const other = feedOf('ETHUSDT', 'tick');
    const socket = await harness.goLive(ticks, other);
    let id = 0;
    const both = async (stream: string | null): Promise<void> => {
      id += 1;
      send(socket, 'ethusdt@bookTicker', tick(id));
      if (stream !== null) send(socket, stream, tick(id));
      await harness.clock.advance(200);
    };
    for (let count = 0; count < 100; count += 1) await both('btcusdt@bookTicker');
    for (let count = 0; count < 60; count += 1) await both(null);
    expect(kindsOf(harness, ticks).at(-1)).toBe('stale');
    expect(kindsOf(harness, other).at(-1)).toBe('live');
    await both('btcusdt@bookTicker');
    expect(kindsOf(harness, ticks).at(-1)).toBe('live');
  });

  it('before a connection is not held against the next one', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    await run(harness, 30);
    socket.drop('busy', 20_000);
    await harness.clock.advance(0);
    await harness.reconnect();
    await harness.clock.advance(3_000);
    expect(kindsOf(harness, ticks).slice(-2)).toEqual(['recovering', 'live']);
  });

  it('is not seen in a jump of the wall clock', async () => {
    const harness = startBroker();
    await harness.goLive(ticks);
    await run(harness, 10);
    harness.clock.jumpWall(HOUR);
    await run(harness, 3);
    harness.clock.jumpWall(-2 * HOUR);
    await run(harness, 3);
    expect(kindsOf(harness, ticks)).toEqual(['recovering', 'live']);
  });

  it('ends with the connection: what was stale is recovering, then live', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(ticks);
    await run(harness, 30);
    await harness.clock.advance(12_000);
    socket.drop();
    await harness.clock.advance(0);
    await harness.reconnect();
    expect(kindsOf(harness, ticks).slice(-3)).toEqual(['stale', 'recovering', 'live']);
  });
});

it('data alone counts as a message of the venue: neither a ping nor an answer does', async () => {
  const harness = startBroker();
  const socket = await harness.goLive(ticks);
  const before = harness.activity.count;
  socket.ping();
  send(socket, 'btcusdt@bookTicker', tick(1));
  acknowledge(socket);
  expect(harness.activity.count).toBe(before + 1);
});

it('connects anew when too many frames are invalid', async () => {
  const harness = startBroker();
  const socket = await harness.goLive(ticks);
  for (let count = 0; count < 50; count += 1) socket.text('nonsense');
  expect(socket.gone).toBe(false);
  socket.text('nonsense');
  await harness.clock.advance(1_000);
  expect(socket.gone).toBe(true);
  expect(harness.sockets.alive).toHaveLength(1);
});

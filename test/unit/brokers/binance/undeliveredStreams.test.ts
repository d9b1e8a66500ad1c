import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import { sleep } from '../../../../src/shared/clock.ts';
import type { FakeSocket } from '../../../support/FakeSockets.ts';
import {
  acknowledge,
  controlFrames,
  depth,
  feedOf,
  historicCandle,
  kline,
  openAndAcknowledge,
  send,
  snapshot,
  startBroker,
  tick,
  trade,
} from './harness.ts';

const ticks = feedOf('BTCUSDT', 'tick');
const trades = feedOf('BTCUSDT', 'trade');
const book = feedOf('BTCUSDT', 'orderbook');
const minutes = feedOf('BTCUSDT', 'candle', '1m');
const other = feedOf('ETHUSDT', 'tick');

/** A broker whose venue has more than it sends: the stream of `feed` never delivers, while another one does. */
async function startUndelivered(feed: Feed) {
  const harness = startBroker();
  const { rest, clock } = harness;
  rest.time = () => Promise.resolve(clock.now());
  const first = await harness.goLive(feed, other);
  let id = 0;
  return {
    ...harness,
    first,
    /** Seconds in which the other stream ticks and every request to subscribe is answered. */
    run: async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        id += 1;
        for (const socket of harness.sockets.alive) {
          if (socket.sent.length === 0) await openAndAcknowledge(clock, socket);
          send(socket, 'ethusdt@bookTicker', tick(id));
          acknowledge(socket);
        }
        await clock.advance(1_000);
      }
    },
    kinds: () => harness.conditions(feed).map(({ kind }) => kind),
    methods: (stream: string, socket: FakeSocket = first) =>
      controlFrames(socket)
        .filter(({ params }) => params.includes(stream))
        .map(({ method }) => method),
  };
}

const quote = (bid: string) => {
  const one = decimal('1');
  const time = historicCandle(0, true).time;
  const sides = { bid: decimal(bid), bidSize: one, ask: decimal('20.00'), askSize: one };
  return { type: 'tick', time, receivedAt: time, ...sides, last: null, mid: one, spread: one } as const;
};

describe('a stream that was acknowledged and is never heard', () => {
  it.each([
    ['trades', trades, 'btcusdt@trade', 20],
    ['candles', minutes, 'btcusdt@kline_1m', 70],
    ['ticks', ticks, 'btcusdt@bookTicker', 20],
    ['a book', book, 'btcusdt@depth@100ms', 20],
  ] as const)(
    'is stale once the venue is known to have %s that do not come; it is subscribed again, then the connection is replaced',
    async (_, feed, stream, seconds) => {
      const scene = await startUndelivered(feed);
      scene.rest.lastTradeMs = () => Promise.resolve(scene.clock.now());
      scene.rest.candles = () => Promise.resolve([historicCandle(scene.clock.now(), false)]);
      scene.rest.tick = () => Promise.resolve(quote('1.00'));
      scene.rest.depth = () => Promise.resolve(snapshot(10));
      scene.rest.bookId = () => Promise.resolve(11);
      await scene.run(seconds);
      expect(scene.conditions(feed).at(-1)).toMatchObject({
        kind: 'stale',
        reason: expect.stringContaining('more of'),
      });
      expect(scene.methods(stream)).toEqual(['SUBSCRIBE', 'UNSUBSCRIBE', 'SUBSCRIBE']);
      expect(scene.sockets.all).toHaveLength(1);
      await scene.run(seconds);
      expect(scene.sockets.all).toHaveLength(2);
      expect(scene.first.gone).toBe(true);
      expect(scene.kinds().at(-1)).toBe('stale');
    },
  );

  it('is live again with the first thing that comes', async () => {
    const scene = await startUndelivered(trades);
    scene.rest.lastTradeMs = () => Promise.resolve(scene.clock.now());
    await scene.run(20);
    expect(scene.kinds().at(-1)).toBe('stale');
    send(scene.first, 'btcusdt@trade', trade(1));
    expect(scene.kinds().at(-1)).toBe('live');
    expect(scene.events(trades)).toHaveLength(1);
  });

  it('is left alone while the venue has nothing either, and the venue is asked ever more rarely', async () => {
    const scene = await startUndelivered(trades);
    scene.rest.lastTradeMs = () => Promise.resolve(scene.clock.now() - 86_400_000);
    await scene.run(600);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    expect(scene.rest.count('newest')).toBeLessThan(8);
  });

  it('is left alone while the venue does not say', async () => {
    const scene = await startUndelivered(minutes);
    scene.rest.candles = () => Promise.reject(new Error('not now'));
    await scene.run(300);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
  });
});

describe('a stream that falls silent after it was heard', () => {
  it('is stale when the venue has newer trades', async () => {
    const scene = await startUndelivered(trades);
    send(scene.first, 'btcusdt@trade', trade(1, scene.clock.now()));
    scene.rest.lastTradeMs = () => Promise.resolve(scene.clock.now());
    await scene.run(20);
    expect(scene.kinds().at(-1)).toBe('stale');
  });

  it('is stale when the venue’s newest candle is another', async () => {
    const scene = await startUndelivered(minutes);
    const openMs = Math.floor(scene.clock.now() / 60_000) * 60_000;
    send(scene.first, 'btcusdt@kline_1m', kline(openMs, { i: '1m', lengthMs: 60_000 }));
    scene.rest.candles = () => Promise.resolve([historicCandle(openMs + 60_000, false)]);
    await scene.run(70);
    expect(scene.kinds().at(-1)).toBe('stale');
  });

  it('is fine while the venue’s history has less of its candle than the stream delivered', async () => {
    const scene = await startUndelivered(minutes);
    const openMs = Math.floor(scene.clock.now() / 60_000) * 60_000;
    const candle = kline(openMs, { i: '1m', lengthMs: 60_000 });
    send(scene.first, 'btcusdt@kline_1m', { ...candle, k: { ...candle.k, n: 3 } });
    scene.rest.candles = () => Promise.resolve([historicCandle(openMs, false)]);
    await scene.run(70);
    expect(scene.rest.count('candles')).toBeGreaterThan(0);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
  });

  it('is stale when the venue has more of its candle than the stream delivered', async () => {
    const scene = await startUndelivered(minutes);
    const openMs = Math.floor(scene.clock.now() / 60_000) * 60_000;
    send(scene.first, 'btcusdt@kline_1m', kline(openMs, { i: '1m', lengthMs: 60_000 }));
    scene.rest.candles = () => Promise.resolve([{ ...historicCandle(openMs, false), tradeCount: 2 }]);
    await scene.run(70);
    expect(scene.kinds().at(-1)).toBe('stale');
  });

  it('is fine when what the venue has comes a moment later', async () => {
    const scene = await startUndelivered(trades);
    send(scene.first, 'btcusdt@trade', trade(1, scene.clock.now()));
    scene.rest.lastTradeMs = () => Promise.resolve(scene.clock.now());
    await scene.run(11);
    send(scene.first, 'btcusdt@trade', trade(2, scene.clock.now()));
    await scene.run(5);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
  });

  it('is fine when it comes in the last moment before the stream would be given up', async () => {
    const scene = await startUndelivered(trades);
    const { clock } = scene;
    send(scene.first, 'btcusdt@trade', trade(1, clock.now()));
    scene.rest.lastTradeMs = async () => {
      await sleep(clock, 300);
      return clock.now();
    };
    await scene.run(14);
    expect(scene.rest.count('newest')).toBe(1);
    await clock.advance(200);
    send(scene.first, 'btcusdt@trade', trade(2, clock.now()));
    await clock.advance(200);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    expect(scene.methods('btcusdt@trade')).toEqual(['SUBSCRIBE']);
  });

  it('keeps its book while the venue’s has not changed', async () => {
    const scene = await startUndelivered(book);
    scene.rest.depth = () => Promise.resolve(snapshot(10));
    send(scene.first, 'btcusdt@depth@100ms', depth(10, 12));
    scene.rest.bookId = () => Promise.resolve(12);
    await scene.run(60);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
  });
});

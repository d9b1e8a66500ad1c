import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  catalogOf,
  controlFrames,
  feedOf,
  openAndAcknowledge,
  send,
  startBroker,
  tick,
  trade,
  unavailable,
} from './harness.ts';
import { binanceStatus } from '../../../../src/brokers/binance/BinanceBroker.ts';

const btc = (type: 'tick' | 'trade' | 'orderbook') => feedOf('BTCUSDT', type);

describe('BinanceBroker, as it starts', () => {
  it('connects with nothing wanted, so that its state is known', async () => {
    const { broker, clock, sockets, statuses } = startBroker();
    broker.start();
    await clock.advance(0);
    expect(sockets.all.map(({ url }) => url)).toEqual(['ws://venue/stream']);
    sockets.last.open();
    await clock.advance(0);
    expect(statuses.map(({ kind }) => kind)).toEqual(['connecting', 'connected']);
    expect(sockets.last.sent).toEqual([]);
  });

  it('is degraded while the instruments are not known, asks for them again and again, and subscribes all the same', async () => {
    const { broker, clock, sockets, statuses, rest, want } = startBroker();
    rest.catalog = () => Promise.reject(unavailable());
    want(btc('tick'));
    broker.start();
    await broker.catalogTried;
    await clock.advance(0);
    await openAndAcknowledge(clock, sockets.last);
    expect(controlFrames(sockets.last)).toEqual([{ method: 'SUBSCRIBE', params: ['btcusdt@bookTicker'], id: 1 }]);
    expect(statuses.at(-1)?.kind).toBe('degraded');
    rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT'));
    await clock.advance(2_000);
    expect(statuses.at(-1)?.kind).toBe('connected');
    expect(broker.catalog?.instruments).toHaveLength(1);
  });

  it('does not ask for the instruments before the end of a ban', async () => {
    const { broker, clock, rest } = startBroker();
    rest.catalog = () => Promise.reject(unavailable());
    rest.pausedUntilMs = 120_000;
    broker.start();
    await clock.advance(119_000);
    expect(rest.count('catalog')).toBe(1);
    rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT'));
    await clock.advance(2_000);
    expect(rest.count('catalog')).toBe(2);
  });

  it('does not let anyone wait for the instruments when the venue is slow', async () => {
    const { broker, clock, rest } = startBroker();
    rest.catalog = () => new Promise(() => {});
    let tried = false;
    const watch = async (): Promise<void> => {
      await broker.catalogTried;
      tried = true;
    };
    void watch();
    broker.start();
    await clock.advance(9_000);
    expect(tried).toBe(false);
    await clock.advance(1_000);
    expect(tried).toBe(true);
  });

  it('reports feeds that the venue does not trade as closed, once, and leaves them out', async () => {
    const harness = startBroker();
    harness.rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT', 'HALTED!'));
    const unknown = feedOf('NOPE', 'tick');
    const halted = feedOf('HALTED', 'trade');
    const odd = feedOf('BTC@trade/x', 'tick');
    const socket = await harness.goLive(btc('tick'), unknown, halted, odd);
    harness.want(btc('trade'), unknown, halted, odd);
    await harness.clock.advance(0);
    for (const feed of [unknown, halted, odd]) {
      const kinds = harness.conditions(feed).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'closed')).toHaveLength(1);
      expect(kinds.at(-1)).toBe('closed');
    }
    const subscribed = controlFrames(socket).flatMap(({ method, params }) => (method === 'SUBSCRIBE' ? params : []));
    expect(subscribed).not.toContain('nope@bookTicker');
    expect(JSON.stringify(subscribed)).not.toContain('btc@trade/x');
  });

  it('reports it when the reason changes for which a feed is closed', async () => {
    const harness = startBroker();
    const feed = feedOf('HALTED', 'tick');
    harness.rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT', 'HALTED!'));
    await harness.goLive(feed);
    harness.rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT'));
    await harness.clock.advance(61_000);
    expect(harness.conditions(feed).filter(({ kind }) => kind === 'closed')).toEqual([
      { kind: 'closed', reason: expect.stringContaining('has halted trading in HALTED') },
      { kind: 'closed', reason: 'The venue does not list HALTED.' },
    ]);
  });

  it('looks at the listing again each hour: what has gone is closed, what has come is subscribed', async () => {
    const harness = startBroker();
    const old = feedOf('ETHUSDT', 'tick');
    const fresh = feedOf('NEWUSDT', 'tick');
    const socket = await harness.goLive(old, fresh);
    expect(harness.conditions(fresh).at(-1)?.kind).toBe('closed');
    harness.rest.catalog = () => Promise.resolve(catalogOf('NEWUSDT'));
    for (let step = 0; step < 200; step += 1) {
      socket.ping();
      await harness.clock.advance(20_000);
    }
    acknowledge(socket);
    expect(harness.conditions(old).at(-1)?.kind).toBe('closed');
    expect(harness.conditions(fresh).at(-1)?.kind).not.toBe('closed');
    expect(controlFrames(socket).slice(1)).toMatchObject([
      { method: 'UNSUBSCRIBE', params: ['ethusdt@bookTicker'] },
      { method: 'SUBSCRIBE', params: ['newusdt@bookTicker'] },
    ]);
  });
});

describe('BinanceBroker, reconciling', () => {
  it('sends one frame for all that is added by a change of the wanted set, and one for all that is removed', async () => {
    const harness = startBroker();
    const socket = await harness.goLive();
    harness.want(btc('tick'), btc('trade'));
    harness.want(btc('orderbook'), feedOf('BTCUSDT', 'candle', '1m'));
    expect(controlFrames(socket)).toEqual([
      { method: 'SUBSCRIBE', params: ['btcusdt@bookTicker', 'btcusdt@trade'], id: 1 },
      { method: 'UNSUBSCRIBE', params: ['btcusdt@bookTicker', 'btcusdt@trade'], id: 2 },
      { method: 'SUBSCRIBE', params: ['btcusdt@depth@100ms', 'btcusdt@kline_1m'], id: 3 },
    ]);
  });

  it('unsubscribes what nobody wants any more, and publishes nothing more of it', async () => {
    const harness = startBroker();
    const feed = btc('trade');
    const socket = await harness.goLive(feed, btc('tick'));
    harness.want(btc('tick'));
    await harness.clock.advance(0);
    expect(controlFrames(socket).at(-1)).toEqual({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: 2 });
    send(socket, 'btcusdt@trade', trade(1));
    expect(harness.events(feed)).toEqual([]);
    expect(await harness.counter('invalidMessages')).toEqual([]);
  });

  it('keeps a stream for as long as one of its feeds is wanted', async () => {
    const harness = startBroker();
    const seconds = feedOf('BTCUSDT', 'candle', '1s');
    const fives = feedOf('BTCUSDT', 'candle', '5s');
    const socket = await harness.goLive(seconds, fives);
    expect(controlFrames(socket)).toEqual([{ method: 'SUBSCRIBE', params: ['btcusdt@kline_1s'], id: 1 }]);
    harness.want(fives);
    await harness.clock.advance(0);
    expect(controlFrames(socket)).toHaveLength(1);
    harness.want();
    await harness.clock.advance(0);
    expect(controlFrames(socket).at(-1)).toMatchObject({ method: 'UNSUBSCRIBE', params: ['btcusdt@kline_1s'] });
  });

  it('reports the condition of the stream to a feed that joins it', async () => {
    const harness = startBroker();
    const seconds = feedOf('BTCUSDT', 'candle', '1s');
    await harness.goLive(seconds);
    const fives = feedOf('BTCUSDT', 'candle', '5s');
    harness.want(seconds, fives);
    await harness.clock.advance(0);
    expect(harness.conditions(fives)).toEqual([{ kind: 'live' }]);
  });

  it('reports a feed as live that was given up and wanted again before the venue knew', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(btc('tick'), ...symbols(5, 'trade'));
    // The frames of this second are used up, so that the next has to wait.
    for (const type of ['trade', 'orderbook', 'trade', 'orderbook'] as const) {
      harness.want(btc('tick'), btc(type));
      await harness.clock.advance(0);
    }
    harness.want();
    await harness.clock.advance(0);
    const again = btc('tick');
    harness.want(again);
    await harness.clock.advance(2_000);
    acknowledge(socket);
    expect(harness.conditions(again)).toEqual([{ kind: 'live' }]);
    send(socket, 'btcusdt@bookTicker', tick(1));
    expect(harness.events(again)).toHaveLength(1);
  });

  it('sends at most 4 control frames in any second, each of at most 100 streams, until all is subscribed', async () => {
    const harness = startBroker();
    harness.rest.catalog = () => Promise.resolve(catalogOf(...symbols(790, 'tick').map(({ symbol }) => symbol)));
    harness.want(...symbols(790, 'tick'));
    harness.broker.start();
    await harness.clock.advance(0);
    const socket = harness.sockets.last;
    socket.open();
    const counts: number[] = [];
    for (let step = 0; step < 40; step += 1) {
      counts.push(socket.sent.length);
      acknowledge(socket);
      await harness.clock.advance(100);
    }
    for (const [index, count] of counts.entries()) expect(count - (counts[index - 10] ?? 0)).toBeLessThanOrEqual(4);
    const frames = controlFrames(socket);
    expect(Math.max(...frames.map(({ params }) => params.length))).toBeLessThanOrEqual(100);
    expect(frames.flatMap(({ params }) => params)).toHaveLength(790);
    expect(new Set(frames.map(({ id }) => id)).size).toBe(frames.length);
  });

  it('takes back its own connections alone when it ends, for another may have taken its place already', async () => {
    const leaving = startBroker();
    await leaving.goLive();
    const next = startBroker({}, leaving.metrics);
    await next.goLive();
    const closed = leaving.broker.close();
    await leaving.clock.advance(10_000);
    await closed;
    expect(await next.counter('upstreamConnections')).toEqual([{ broker: 'binance', value: 1 }]);
  });

  it('opens another socket beyond 800 streams, and closes it when it is empty', async () => {
    const harness = startBroker();
    const wanted = symbols(1_500, 'tick');
    harness.rest.catalog = () => Promise.resolve(catalogOf(...wanted.map(({ symbol }) => symbol)));
    harness.want(...wanted);
    harness.broker.start();
    await harness.clock.advance(0);
    expect(harness.sockets.all).toHaveLength(2);
    for (const socket of harness.sockets.all) socket.open();
    for (let step = 0; step < 50; step += 1) {
      await harness.clock.advance(100);
      for (const socket of harness.sockets.all) acknowledge(socket);
    }
    const perSocket = harness.sockets.all.map(
      (socket) => new Set(controlFrames(socket).flatMap(({ params }) => params)).size,
    );
    expect(perSocket).toEqual([800, 700]);
    expect(await harness.counter('upstreamConnections')).toEqual([{ broker: 'binance', value: 2 }]);
    harness.want(...wanted.slice(0, 10));
    await harness.clock.advance(0);
    expect(harness.sockets.alive).toHaveLength(1);
  });

  it('routes by the name of the stream, in whatever case it is written', async () => {
    const harness = startBroker();
    const feed = btc('tick');
    const socket = await harness.goLive(feed);
    send(socket, 'BTCUSDT@BOOKTICKER', tick(1));
    expect(harness.events(feed)).toHaveLength(1);
  });

  it('counts what is malformed, and goes on', async () => {
    const harness = startBroker();
    const feed = btc('tick');
    const socket = await harness.goLive(feed);
    for (const text of ['{', '[]', '{"stream":"btcusdt@bookTicker"}', '{"stream":"what@ever","data":{}}'])
      socket.text(text);
    socket.unreadable();
    send(socket, 'btcusdt@bookTicker', tick(1));
    expect(harness.events(feed)).toHaveLength(1);
    expect(await harness.counter('invalidMessages')).toEqual([{ source: 'binance', value: 5 }]);
  });
});

describe('BinanceBroker, closing', () => {
  it('leaves no timer, socket or request, whatever it is at', async () => {
    const stages: ((harness: ReturnType<typeof startBroker>) => Promise<unknown>)[] = [
      () => Promise.resolve(),
      ({ broker }) => Promise.resolve(broker.start()),
      ({ goLive }) => goLive(btc('tick'), btc('trade'), btc('orderbook'), feedOf('BTCUSDT', 'candle', '1s')),
      async ({ goLive, clock }) => {
        const socket = await goLive(btc('orderbook'), btc('trade'));
        send(socket, 'btcusdt@depth@100ms', { e: 'depthUpdate', E: 1, s: 'BTCUSDT', U: 1, u: 2, b: [], a: [] });
        send(socket, 'btcusdt@trade', trade(1));
        send(socket, 'btcusdt@trade', trade(3));
        await clock.advance(100);
      },
      async ({ goLive, clock }) => {
        (await goLive(btc('tick'))).drop();
        await clock.advance(10);
      },
      async ({ goLive, clock }) => {
        send(await goLive(btc('tick')), '!serverShutdown', { e: 'serverShutdown', E: 1 });
        await clock.advance(10);
      },
      async ({ rest, broker, clock }) => {
        rest.catalog = () => Promise.reject(unavailable());
        broker.start();
        await clock.advance(10);
      },
      async ({ goLive, want }) => {
        await goLive();
        want(btc('tick'));
      },
    ];
    for (const stage of stages) {
      const harness = startBroker();
      await stage(harness);
      await Promise.all([harness.broker.close(), harness.broker.close()]);
      expect(harness.clock.pending).toBe(0);
      expect(harness.sockets.alive).toEqual([]);
      expect(harness.rest.closed).toBe(true);
      expect(harness.statuses.at(-1)).toEqual({ kind: 'closed' });
      const before = harness.told.length;
      harness.want(btc('tick'));
      harness.broker.start();
      await harness.clock.advance(60_000);
      expect(harness.clock.pending).toBe(0);
      expect(harness.told).toHaveLength(before);
    }
  });

  it('answers queries from the venue, and asks for a book without waiting for the end of a ban', async () => {
    const { broker, rest } = startBroker();
    rest.depth = () => Promise.resolve({ lastUpdateId: 1, bids: [], asks: [] });
    expect(await broker.fetchOrderBook('BTCUSDT', 20)).toMatchObject({ type: 'orderbook', kind: 'snapshot', bids: [] });
    expect(rest.asked.at(-1)).toMatchObject({
      what: 'depth',
      args: ['BTCUSDT', 20, { patience: 'fail', signal: expect.any(AbortSignal) }],
    });
    expect(await broker.fetchTrades('BTCUSDT', 5)).toEqual([]);
    expect(await broker.fetchTick('BTCUSDT')).toBeNull();
    const query = { symbol: 'BTCUSDT', interval: '1m', fromMs: null, toMs: null, limit: 5 } as const;
    expect(await broker.fetchCandles(query)).toEqual([]);
  });
});

function symbols(count: number, type: 'tick' | 'trade') {
  return Array.from({ length: count }, (_, index) => feedOf(`S${index}`, type));
}

const open = { kind: 'open' } as const;
const connecting = { kind: 'connecting', attempt: 3 } as const;
const waiting = { kind: 'waiting', delayMs: 900, reason: 'lost' } as const;

describe('the status of the broker', () => {
  it.each([
    ['connected when every socket is up and the instruments are known', [open, open], true, { kind: 'connected' }],
    ['degraded while the instruments are not known', [open], false, { kind: 'degraded' }],
    ['degraded while some sockets are down', [open, waiting], true, { kind: 'degraded' }],
    ['connecting while one tries and none is up', [waiting, connecting], true, connecting],
    ['waiting as long as the one that tries next', [{ ...waiting, delayMs: 2_000 }, waiting], true, waiting],
  ])('%s', (_, sockets, catalogKnown, expected) => {
    expect(binanceStatus(sockets, { catalogKnown, silence: null })).toMatchObject(expected);
  });
});

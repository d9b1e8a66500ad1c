import { describe, expect, it } from 'vitest';
import { catalogOf, controlFrames, feedOf, send, startBroker, tick } from './harness.ts';
import fc from 'fast-check';
import { toBatches, toControlFrame } from '../../../../src/brokers/binance/BinanceConnection.ts';

const btc = (type: 'tick' | 'trade' | 'orderbook') => feedOf('BTCUSDT', type);

describe('BinanceBroker, refused', () => {
  it('finds the one name that the venue calls invalid, and keeps the others', async () => {
    const harness = startBroker();
    const wanted = symbols(9, 'tick');
    harness.rest.catalog = () => Promise.resolve(catalogOf(...wanted.map(({ symbol }) => symbol)));
    harness.want(...wanted);
    harness.broker.start();
    await harness.clock.advance(0);
    const socket = harness.sockets.last;
    socket.open();
    let done = 0;
    for (let step = 0; step < 60; step += 1) {
      await harness.clock.advance(100);
      for (const { id, params } of controlFrames(socket).slice(done)) {
        const refused = params.includes('s4@bookTicker');
        socket.json(
          refused ? { error: { code: 2, msg: 'Invalid request: invalid stream' }, id } : { result: null, id },
        );
        done += 1;
      }
    }
    for (const [index, feed] of wanted.entries()) {
      expect(harness.conditions(feed).at(-1)?.kind).toBe(index === 4 ? 'closed' : 'live');
    }
    expect(harness.sockets.all).toHaveLength(1);
    expect(socket.sent.length).toBeLessThan(12);
  });

  it.each([
    ['an error that does not say what it answers', { error: { code: 3, msg: 'Invalid JSON' } }],
    ['an error of another kind', { error: { code: 1, msg: 'odd' }, id: 1 }],
  ])('connects anew after %s', async (_, reply) => {
    const harness = startBroker();
    harness.want(btc('tick'));
    harness.broker.start();
    await harness.clock.advance(0);
    harness.sockets.last.open();
    await harness.clock.advance(0);
    harness.sockets.last.json(reply);
    await harness.clock.advance(1_000);
    expect(harness.sockets.all).toHaveLength(2);
    expect(harness.sockets.alive).toHaveLength(1);
  });

  it('connects anew when a request is not answered within 10 s', async () => {
    const harness = startBroker();
    harness.want(btc('tick'));
    harness.broker.start();
    await harness.clock.advance(0);
    harness.sockets.last.open();
    await harness.clock.advance(9_900);
    expect(harness.sockets.all[0]?.gone).toBe(false);
    await harness.clock.advance(1_000);
    expect(harness.sockets.all[0]?.gone).toBe(true);
    expect(harness.sockets.all).toHaveLength(2);
  });
});

describe('BinanceBroker, connected anew', () => {
  it('wants the whole set again, and always knows what is subscribed', async () => {
    const harness = startBroker();
    const feed = btc('tick');
    const socket = await harness.goLive(feed, btc('trade'));
    send(socket, 'btcusdt@bookTicker', tick(1));
    socket.drop('The other side closed the connection (code 1006).');
    await harness.clock.advance(0);
    expect(harness.statuses.at(-1)).toMatchObject({ kind: 'waiting', delayMs: 275 });
    expect(harness.conditions(feed).at(-1)).toMatchObject({ kind: 'recovering' });
    const next = await harness.reconnect();
    expect(controlFrames(next)).toEqual([
      { method: 'SUBSCRIBE', params: ['btcusdt@bookTicker', 'btcusdt@trade'], id: 1 },
    ]);
    expect(harness.conditions(feed).map(({ kind }) => kind)).toEqual(['recovering', 'live', 'recovering', 'live']);
    expect(harness.statuses.map(({ kind }) => kind).slice(-3)).toEqual(['waiting', 'connecting', 'connected']);
    expect(await harness.counter('reconnects')).toEqual([{ broker: 'binance', value: 1 }]);
  });

  it('ignores late frames of the socket before', async () => {
    const harness = startBroker();
    const feed = btc('tick');
    const socket = await harness.goLive(feed);
    const { listener } = socket;
    socket.drop();
    await harness.reconnect();
    const before = harness.told.length;
    listener.onText(JSON.stringify({ stream: 'btcusdt@bookTicker', data: tick(9) }));
    listener.onOpen();
    expect(harness.told).toHaveLength(before);
  });

  it('waits longer with each failure, and shortly again once data has flowed', async () => {
    const harness = startBroker();
    const delays = () => harness.statuses.flatMap((status) => (status.kind === 'waiting' ? [status.delayMs] : []));
    let socket = await harness.goLive(btc('tick'));
    for (let count = 0; count < 3; count += 1) {
      socket.drop();
      socket = await harness.reconnect();
    }
    expect(delays()).toEqual([275, 550, 1_100]);
    send(socket, 'btcusdt@bookTicker', tick(1));
    socket.drop();
    await harness.clock.advance(0);
    expect(delays().at(-1)).toBe(275);
  });

  it('waits as long as the venue asks on a refused handshake', async () => {
    const harness = startBroker();
    harness.broker.start();
    await harness.clock.advance(0);
    harness.sockets.last.drop('HTTP 429', 60_000);
    await harness.clock.advance(59_000);
    expect(harness.sockets.all).toHaveLength(1);
    await harness.clock.advance(1_000);
    expect(harness.sockets.all).toHaveLength(2);
    expect(await harness.counter('reconnects')).toEqual([]);
  });

  it('reports to a new feed that there is no connection', async () => {
    const harness = startBroker();
    const socket = await harness.goLive();
    socket.drop('The connection failed.');
    await harness.clock.advance(0);
    const feed = btc('tick');
    harness.want(feed);
    await harness.clock.advance(0);
    expect(harness.conditions(feed)).toEqual([{ kind: 'recovering', reason: 'The connection failed.' }]);
  });
});

function symbols(count: number, type: 'tick' | 'trade') {
  return Array.from({ length: count }, (_, index) => feedOf(`S${index}`, type));
}

const names = fc.array(
  fc.oneof(
    fc.string({ maxLength: 80, size: 'max' }),
    fc.string({ unit: 'binary', maxLength: 60, size: 'max' }),
    fc.constant('btcusdt@kline_15m'),
  ),
  { maxLength: 400, size: 'max' },
);

describe('control frames', () => {
  it('hold at most 100 names and 3500 bytes, and lose or reorder no name', () => {
    fc.assert(
      fc.property(names, (wanted) => {
        const batches = toBatches(wanted);
        expect(batches.flat()).toEqual(wanted);
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(100);
          const frame = toControlFrame('UNSUBSCRIBE', batch, Number.MAX_SAFE_INTEGER);
          expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(3_500);
        }
      }),
    );
  });

  it('are as few as the bounds allow', () => {
    expect(toBatches(Array.from({ length: 250 }, (_, index) => `s${index}@trade`)).map(({ length }) => length)).toEqual(
      [100, 100, 50],
    );
  });

  it('have a whole number for an id', () => {
    expect(toControlFrame('SUBSCRIBE', ['btcusdt@trade'], 7)).toBe(
      '{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":7}',
    );
  });

  it('refuse a name that fits no frame', () => {
    expect(() => toBatches(['x'.repeat(3_500)])).toThrow(RangeError);
  });
});

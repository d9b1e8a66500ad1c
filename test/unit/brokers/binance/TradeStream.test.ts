import { describe, expect, it } from 'vitest';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { feedOf, historic, send, startBroker, trade, unavailable } from './harness.ts';

const STREAM = 'btcusdt@trade';
const feed = feedOf('BTCUSDT', 'trade');
/** The times of the trades of `historic` and of `trade`. */
const [FETCHED_AT, STREAMED_AT] = [fromEpochMs(0), fromEpochMs(1_000)];

async function startTrades() {
  const harness = startBroker();
  const socket = await harness.goLive(feed);
  return {
    ...harness,
    socket,
    deliver: (...ids: number[]) => {
      for (const id of ids) send(harness.sockets.last, STREAM, trade(id));
    },
    ids: () => harness.events(feed).map((event) => (event.type === 'trade' ? Number(event.tradeId) : null)),
    backfilled: () =>
      harness
        .events(feed)
        .flatMap((event) => (event.type === 'trade' && event.backfilled ? Number(event.tradeId) : [])),
    told: () => harness.conditions(feed),
  };
}

describe('trades', () => {
  it('go out each once, in the order of their ids', async () => {
    const trades = await startTrades();
    trades.deliver(5, 6, 6, 5, 7);
    expect(trades.ids()).toEqual([5, 6, 7]);
    expect(trades.rest.count('trades')).toBe(0);
  });

  it('that are missing are fetched, while later ones wait', async () => {
    const trades = await startTrades();
    trades.rest.trades = () => Promise.resolve({ trades: historic(6, 7, 8), complete: true });
    trades.deliver(5, 8, 9);
    expect(trades.ids()).toEqual([5]);
    await trades.clock.advance(1_000);
    expect(trades.rest.asked.find(({ what }) => what === 'trades')?.args.slice(0, 2)).toEqual([
      'BTCUSDT',
      { afterVenueId: 5, maxCount: 5_000 },
    ]);
    expect(trades.ids()).toEqual([5, 6, 7, 8, 9]);
    expect(trades.backfilled()).toEqual([6, 7]);
    expect(trades.told().filter(({ kind }) => kind === 'gap')).toEqual([]);
    expect(await trades.counter('gaps')).toEqual([{ broker: 'binance', type: 'trade', value: 1 }]);
  });

  it('that come a moment late are not fetched', async () => {
    const trades = await startTrades();
    trades.deliver(5, 7);
    await trades.clock.advance(100);
    trades.deliver(6);
    await trades.clock.advance(1_000);
    expect(trades.ids()).toEqual([5, 6, 7]);
    expect(trades.rest.count('trades')).toBe(0);
  });

  it('that the history has a moment later are waited for', async () => {
    const trades = await startTrades();
    trades.rest.trades = () => Promise.resolve({ trades: historic(6), complete: true });
    trades.deliver(5, 9);
    await trades.clock.advance(200);
    expect(trades.ids()).toEqual([5, 6]);
    trades.rest.trades = () => Promise.resolve({ trades: historic(7, 8), complete: true });
    await trades.clock.advance(500);
    expect(trades.ids()).toEqual([5, 6, 7, 8, 9]);
  });

  it('that nobody has any more are reported, by number and id, and the feed goes on', async () => {
    const trades = await startTrades();
    trades.rest.trades = () => Promise.resolve({ trades: historic(8, 9), complete: false });
    trades.deliver(5, 9, 10);
    await trades.clock.advance(5_000);
    expect(trades.ids()).toEqual([5, 8, 9, 10]);
    expect(trades.told().filter(({ kind }) => kind === 'gap')).toEqual([
      { kind: 'gap', reason: '2 trades of BTCUSDT are missing: ids 6 to 7.', to: FETCHED_AT },
    ]);
    trades.deliver(11);
    expect(trades.ids().at(-1)).toBe(11);
  });

  it('that can not be fetched just now are asked for again, and told at last', async () => {
    const trades = await startTrades();
    trades.rest.trades = () => Promise.reject(unavailable());
    trades.deliver(5, 7);
    await trades.clock.advance(30_000);
    expect(trades.rest.count('trades')).toBe(3);
    expect(trades.ids()).toEqual([5, 7]);
    const reason = '1 trades of BTCUSDT are missing: ids 6 to 6.';
    expect(trades.told().at(-1)).toEqual({ kind: 'gap', reason, to: STREAMED_AT });
  });

  it('do not wait for history that hangs', async () => {
    const trades = await startTrades();
    trades.rest.trades = () => new Promise(() => {});
    trades.deliver(5, 7);
    // A request that ignores its signal would hold everything up for ever; a real one rejects.
    trades.rest.fetchTradesSince = (_symbol, _missed, asking) =>
      new Promise((_, reject) => {
        asking?.signal?.addEventListener('abort', () => {
          reject(unavailable());
        });
      });
    await trades.clock.advance(31_000);
    expect(trades.ids()).toEqual([5, 7]);
  });

  it('wait in bounded number: over it, the hole is given up', async () => {
    const trades = await startTrades();
    trades.rest.fetchTradesSince = (_symbol, _missed, asking) =>
      new Promise((_, reject) => {
        asking?.signal?.addEventListener('abort', () => {
          reject(unavailable());
        });
      });
    trades.deliver(1);
    for (let id = 3; id <= 5_003; id += 1) trades.deliver(id);
    expect(trades.ids()).toHaveLength(5_002);
    const reason = '1 trades of BTCUSDT are missing: ids 2 to 2.';
    expect(trades.told().at(-1)).toEqual({ kind: 'gap', reason, to: STREAMED_AT });
  });

  it('missed in an outage are fetched and come before the new ones', async () => {
    const trades = await startTrades();
    trades.deliver(5);
    trades.socket.drop();
    await trades.clock.advance(0);
    trades.rest.trades = () => Promise.resolve({ trades: historic(6, 7, 8), complete: true });
    const socket = await trades.reconnect();
    send(socket, STREAM, trade(8));
    send(socket, STREAM, trade(9));
    await trades.clock.advance(1_000);
    expect(trades.ids()).toEqual([5, 6, 7, 8, 9]);
    expect(trades.told().map(({ kind }) => kind)).toEqual(['recovering', 'live', 'recovering', 'live']);
    expect(await trades.counter('gaps')).toEqual([]);
  });

  it('missed in an outage come at once, not only with the next one', async () => {
    const trades = await startTrades();
    trades.deliver(5);
    trades.socket.drop();
    trades.rest.trades = () => Promise.resolve({ trades: historic(6), complete: true });
    await trades.reconnect();
    await trades.clock.advance(0);
    expect(trades.ids()).toEqual([5, 6]);
  });

  it('missed in an outage that can not be had are reported, before the feed is live again', async () => {
    const trades = await startTrades();
    trades.deliver(5);
    trades.socket.drop();
    trades.rest.trades = () => Promise.resolve({ trades: historic(20, 21), complete: false });
    await trades.reconnect();
    await trades.clock.advance(5_000);
    expect(trades.ids()).toEqual([5, 20, 21]);
    expect(trades.told().slice(-2)).toEqual([
      { kind: 'gap', reason: '14 trades of BTCUSDT are missing: ids 6 to 19.', to: FETCHED_AT },
      { kind: 'live' },
    ]);
    expect(await trades.counter('gaps')).toEqual([{ broker: 'binance', type: 'trade', value: 1 }]);
  });

  it('are reported to be in doubt when nothing can be learnt of an outage', async () => {
    const trades = await startTrades();
    trades.deliver(5);
    trades.socket.drop();
    trades.rest.trades = () => Promise.reject(unavailable());
    await trades.reconnect();
    await trades.clock.advance(30_000);
    expect(trades.told().slice(-2)).toEqual([
      { kind: 'gap', reason: 'Trades of BTCUSDT after id 5 may be missing.', to: null },
      { kind: 'live' },
    ]);
    expect(await trades.counter('gaps')).toEqual([{ broker: 'binance', type: 'trade', value: 1 }]);
  });

  it('go on, with a word, when the venue numbers them anew', async () => {
    const trades = await startTrades();
    trades.deliver(1_000);
    trades.deliver(1);
    await trades.clock.advance(10_001);
    trades.deliver(2, 3);
    expect(trades.ids()).toEqual([1_000, 2, 3]);
    expect(trades.told().at(-1)?.kind).toBe('gap');
  });

  it('of the future are no older than nothing', async () => {
    const trades = await startTrades();
    send(trades.socket, STREAM, trade(1, trades.clock.now() + 5_000));
    const { values } = await trades.metrics.venueLatency.get();
    expect(values.find(({ metricName }) => metricName?.endsWith('_sum'))?.value).toBe(0);
  });

  it('are those of the aggregate stream if that is wanted', async () => {
    const harness = startBroker({ trades: 'aggregate' });
    const socket = await harness.goLive(feed);
    const { t: a, ...rest } = trade(77);
    send(socket, 'btcusdt@aggTrade', { ...rest, e: 'aggTrade', a, f: 1, l: 3 });
    expect(harness.events(feed)).toMatchObject([{ type: 'trade', tradeId: '77' }]);
  });
});

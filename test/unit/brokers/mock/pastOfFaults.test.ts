import { describe, expect, it } from 'vitest';
import { toEpochMs } from '../../../../src/market/timestamp.ts';
import { fault, steps, story, watchful } from './faulty.ts';
import { BINANCE, feed } from './recorder.ts';

const trade = feed('BTCUSDT', 'trade');
const candle = feed('BTCUSDT', 'candle', '1s');
const idsOf = (trades: readonly { readonly tradeId: string }[]): readonly number[] =>
  trades.map(({ tradeId }) => Number(tradeId));

describe('the history of a venue that has lost trades', () => {
  it('is never shown as whole: what is lost shows by the numbers, and the newest trades begin behind it', async () => {
    await using mock = watchful({ ...BINANCE, faults: [fault('gap')] }, trade);
    await mock.clock.advance(10_000);
    const streamed = idsOf(mock.trades(trade));
    const hole = steps(streamed).findIndex((step) => step > 1);
    const [first = 0] = streamed;
    expect(hole).toBeGreaterThan(0);
    expect(idsOf(await mock.broker.fetchTradesFrom('BTCUSDT', first, 1_000))).toEqual(streamed);
    expect(idsOf(await mock.broker.fetchTrades('BTCUSDT', 1_000))).toEqual(streamed.slice(hole + 1));
  });

  it('goes from a trade on up to the limit, and has none of another life', async () => {
    await using mock = watchful(BINANCE, trade);
    await mock.clock.advance(5_000);
    const last = idsOf(mock.trades(trade)).at(-1) ?? 0;
    const from = async (id: number, limit: number) => idsOf(await mock.broker.fetchTradesFrom('BTCUSDT', id, limit));
    expect(await from(last, 10)).toEqual([last]);
    expect(await from(last - 20, 3)).toEqual([last - 20, last - 19, last - 18]);
    expect(await from(last + 1, 10)).toEqual([]);
  });
});

describe('a feed whose subscribers know the past', () => {
  it('goes on behind it after an outage in which it began', async () => {
    const other = feed('BTCUSDT', 'tick');
    await using mock = watchful({ ...BINANCE, faults: [fault('disconnect', { forMs: 4_000 })] }, other);
    await mock.clock.advance(6_000);
    mock.want(other, trade, candle);
    const known = (await mock.broker.fetchTrades('BTCUSDT', 10)).at(-1);
    const closed = (
      await mock.broker.fetchCandles({ symbol: 'BTCUSDT', interval: '1s', fromMs: null, toMs: null, limit: 5 })
    ).findLast((each) => each.closed);
    mock.broker.continueBehind(trade, Number(known?.tradeId));
    mock.broker.continueBehind(candle, toEpochMs(closed?.openTime ?? missing()));
    await mock.clock.advance(4_000);
    const ids = idsOf(mock.trades(trade));
    expect(ids[0]).toBe(Number(known?.tradeId) + 1);
    expect(new Set(steps(ids))).toEqual(new Set([1]));
    expect(mock.candles(candle)[0]).toMatchObject({ openTime: closed?.closeTime, closed: true, backfilled: true });
  });

  it('begins with its first trade, and reports a gap, if its market numbers trades anew', async () => {
    const before = watchful(BINANCE, trade);
    await before.clock.advance(10_000);
    await before[Symbol.asyncDispose]();
    await using mock = watchful(BINANCE, trade);
    mock.broker.continueBehind(trade, idsOf(before.trades(trade)).at(-1) ?? 0);
    await mock.clock.advance(1_000);
    expect(story(mock, trade)).toEqual(['live', 'gap', 'events']);
    expect(idsOf(mock.trades(trade))[0]).toBe(idsOf(before.trades(trade))[0]);
  });

  it('reports what is lost right behind it', async () => {
    await using mock = watchful({ ...BINANCE, faults: [fault('gap')] }, feed('BTCUSDT', 'tick'));
    await mock.clock.advance(4_900);
    mock.want(feed('BTCUSDT', 'tick'), trade);
    mock.broker.continueBehind(trade, Number((await mock.broker.fetchTrades('BTCUSDT', 1))[0]?.tradeId));
    await mock.clock.advance(5_000);
    expect(story(mock, trade)).toEqual(['live', 'gap', 'events']);
  });

  it('does not send again a candle that is on its way', async () => {
    const tick = feed('BTCUSDT', 'tick');
    const faults = [fault('outOfOrder', { afterMs: 0, forMs: 60_000 })];
    await using mock = watchful({ ...BINANCE, ticksPerSecond: 0.5, faults }, tick);
    await mock.clock.advance(900);
    mock.want(tick, candle);
    await mock.clock.advance(200);
    const query = { symbol: 'BTCUSDT', interval: '1s', fromMs: null, toMs: null, limit: 5 } as const;
    const known = (await mock.broker.fetchCandles(query)).findLast(({ closed }) => closed);
    expect(mock.candles(candle)).toEqual([]);
    mock.broker.continueBehind(candle, toEpochMs(known?.openTime ?? missing()));
    await mock.clock.advance(5_000);
    expect(mock.candles(candle).length).toBeGreaterThan(0);
    expect(mock.candles(candle).every(({ openTime }) => openTime > (known?.openTime ?? ''))).toBe(true);
  });

  it('does not send again a trade that is on its way', async () => {
    const tick = feed('BTCUSDT', 'tick');
    const faults = [fault('outOfOrder', { afterMs: 0, forMs: 60_000 })];
    await using mock = watchful({ ...BINANCE, faults }, tick);
    for (let round = 0; round < 20; round += 1) {
      mock.want(tick);
      await mock.clock.advance(100);
      const fresh = feed('BTCUSDT', 'trade');
      mock.want(tick, fresh);
      await mock.clock.advance(100);
      const known = Number((await mock.broker.fetchTrades('BTCUSDT', 1))[0]?.tradeId);
      const published = mock.trades(fresh).length;
      if (published === 0) mock.broker.continueBehind(fresh, known);
      await mock.clock.advance(500);
      const ids = idsOf(mock.trades(fresh));
      if (published === 0) expect(ids[0]).toBe(known + 1);
      expect(new Set(steps(ids))).toEqual(new Set([1]));
    }
  });
});

function missing(): never {
  throw new Error('there is no closed candle');
}

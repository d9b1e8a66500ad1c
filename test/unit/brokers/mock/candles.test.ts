import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CandleQuery } from '../../../../src/brokers/BaseBroker.ts';
import { compare } from '../../../../src/market/decimal.ts';
import { CANDLE_INTERVALS } from '../../../../src/market/marketData.ts';
import type { CandleDraft, CandleInterval } from '../../../../src/market/marketData.ts';
import { toEpochMs } from '../../../../src/market/timestamp.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { BINANCE, feed, OANDA, Recorder } from './recorder.ts';

const INTERVALS: readonly CandleInterval[] = ['1s', '5s', '1m', '5m', '15m', '1h', '4h', '1d'];

function query(overrides: Partial<CandleQuery> = {}): CandleQuery {
  return { symbol: 'BTCUSDT', interval: '1m', fromMs: null, toMs: null, limit: 50, ...overrides };
}

/** The laws of every answer. */
function checkSeries(candles: readonly CandleDraft[], nowMs: number): void {
  for (const [index, candle] of candles.entries()) {
    const { open, high, low, close } = candle;
    expect([open, close].every((price) => compare(price, high) <= 0 && compare(price, low) >= 0)).toBe(true);
    expect(compare(low, '0' as typeof low)).toBeGreaterThan(0);
    expect(toEpochMs(candle.closeTime) - toEpochMs(candle.openTime)).toBe(CANDLE_INTERVALS[candle.interval]);
    expect(toEpochMs(candle.openTime) % CANDLE_INTERVALS[candle.interval]).toBe(0);
    expect(candle.closed).toBe(toEpochMs(candle.closeTime) <= nowMs);
    const next = candles[index + 1];
    if (next === undefined) continue;
    expect(next.openTime).toBe(candle.closeTime);
    expect(compare(next.open, close)).toBe(0);
  }
}

/** What does not depend on when it is asked. */
function settled(candle: CandleDraft): unknown {
  return { ...candle, receivedAt: null };
}

describe.each([
  [BINANCE, 'BTCUSDT'],
  [OANDA, 'EUR_USD'],
])('the candles of $kind before anyone watched', (options, symbol) => {
  it.each(INTERVALS)(
    '%s: as many as asked for, without a hole, ending with the open one at the present price',
    async (interval) => {
      await using mock = Recorder.started(options);
      const candles = await mock.broker.fetchCandles(query({ symbol, interval, limit: 300 }));
      expect(candles).toHaveLength(300);
      checkSeries(candles, mock.clock.now());
      const { last, mid } = await mock.broker.fetchTick(symbol);
      expect(candles.at(-1)).toMatchObject({ interval, closed: false, close: last ?? mid });
      expect(candles.every(({ tradeCount }) => (tradeCount === null) === (options === OANDA))).toBe(true);
    },
  );
});

describe('closed candles of history', () => {
  it('are the same in another life, at another time, and under another question', async () => {
    await using early = new Recorder(BINANCE, new FakeClock(Date.UTC(2026, 5, 1, 12, 0, 30)));
    await using late = new Recorder(BINANCE, new FakeClock(Date.UTC(2026, 5, 1, 12, 20, 59)));
    for (const interval of INTERVALS) {
      const closed = (await early.broker.fetchCandles(query({ interval, limit: 100 }))).slice(0, -1);
      const first = closed[0];
      if (first === undefined) throw new Error('no candles');
      const again = await late.broker.fetchCandles(query({ interval, fromMs: toEpochMs(first.openTime), limit: 99 }));
      expect(again.map(settled)).toEqual(closed.map(settled));
    }
  });

  it('are others for another seed', async () => {
    await using one = new Recorder(BINANCE);
    await using other = new Recorder({ ...BINANCE, seed: 2 });
    expect(await one.broker.fetchCandles(query())).not.toEqual(await other.broker.fetchCandles(query()));
  });
});

describe('the range of a query', () => {
  it('is honoured: open times from and to, both included, the oldest first if a start is given, otherwise the newest', async () => {
    await using mock = new Recorder(BINANCE);
    const nowMs = mock.clock.now();
    const offset = fc.option(fc.integer({ min: -5_000_000, max: 200_000 }), { nil: null });
    await fc.assert(
      fc.asyncProperty(offset, offset, fc.integer({ min: 1, max: 60 }), async (from, to, limit) => {
        const fromMs = from === null ? null : nowMs + from;
        const toMs = to === null ? null : nowMs + to;
        const candles = await mock.broker.fetchCandles(query({ fromMs, toMs, limit }));
        const all: number[] = [];
        const last = Math.min(toMs ?? nowMs, nowMs);
        for (let at = Math.floor(last / 60_000) * 60_000; at >= (fromMs ?? last - limit * 60_000); at -= 60_000)
          all.unshift(at);
        const expected = fromMs === null ? all.slice(-limit) : all.slice(0, limit);
        expect(candles.map(({ openTime }) => toEpochMs(openTime))).toEqual(expected);
        checkSeries(candles, nowMs);
      }),
      { numRuns: 50 },
    );
  });

  it('never reaches before 1970', async () => {
    await using mock = new Recorder(BINANCE, new FakeClock(90_000));
    expect(await mock.broker.fetchCandles(query({ limit: 5_000 }))).toHaveLength(2);
  });
});

describe('the candles of a market that runs', () => {
  it('are those that were streamed, after history and without a break; a standstill is flat and without volume', async () => {
    const streams = INTERVALS.map((interval) => feed('BTCUSDT', 'candle', interval));
    await using mock = Recorder.started(BINANCE);
    await mock.clock.advance(7_300);
    mock.want(...streams);
    await mock.clock.advance(70_000);
    mock.want();
    await mock.clock.advance(200_000);
    const flat = await mock.broker.fetchCandles(query({ interval: '5s', limit: 30 }));
    expect(flat.every(({ volume, tradeCount, high, low }) => volume === '0' && tradeCount === 0 && high === low)).toBe(
      true,
    );
    expect(flat.at(-1)?.close).toBe((await mock.broker.fetchTick('BTCUSDT')).last);
    mock.want(...streams);
    await mock.clock.advance(10_050);
    for (const stream of streams) {
      const interval = stream.interval ?? '1s';
      const answer = await mock.broker.fetchCandles(query({ interval, limit: 400 }));
      expect(answer).toHaveLength(400);
      expect(answer.at(-1)?.close).toBe((await mock.broker.fetchTick('BTCUSDT')).last);
      const byTime = new Map(answer.map((candle) => [candle.openTime, candle]));
      const streamed = new Map(mock.candles(stream).map((candle) => [candle.openTime, candle]));
      for (const candle of [...streamed.values()].slice(1)) {
        const asked = byTime.get(candle.openTime);
        expect([candle.backfilled, asked?.backfilled]).toEqual([false, true]);
        const same = { time: null, receivedAt: null, closed: null, backfilled: null };
        expect({ ...asked, ...same }).toEqual({ ...candle, ...same });
      }
      const first = [...streamed.values()][0];
      if (first === undefined) throw new Error('nothing streamed');
      const filled = byTime.get(first.openTime);
      expect(filled).toMatchObject({ close: first.close });
      expect(compare(filled?.volume ?? first.volume, first.volume)).toBeGreaterThan(0);
    }
  });

  it('before the standstill and after it, follow each other without a jump beyond a step', async () => {
    const stream = feed('BTCUSDT', 'trade');
    await using mock = Recorder.started(BINANCE, stream);
    await mock.clock.advance(30_000);
    const candles = await mock.broker.fetchCandles(query({ interval: '1s', limit: 60 }));
    const live = candles.slice(-30);
    for (const [index, candle] of live.entries()) {
      const before = live[index - 1];
      if (before !== undefined) expect(Math.abs(Number(candle.open) - Number(before.close))).toBeLessThan(10);
    }
    checkSeries(candles.slice(0, 30), mock.clock.now());
  });

  it('asking does not take a closed candle from those who watch', async () => {
    const stream = feed('BTCUSDT', 'candle', '1s');
    await using mock = Recorder.started({ ...BINANCE, ticksPerSecond: 4 }, stream);
    await mock.clock.advance(1_100);
    await mock.broker.fetchCandles(query({ interval: '1s' }));
    await mock.clock.advance(1_000);
    expect(mock.candles(stream).filter(({ closed }) => closed).length).toBe(2);
  });
});

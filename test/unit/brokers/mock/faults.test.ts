import { describe, expect, it } from 'vitest';
import type { MockFault } from '../../../../src/brokers/mock/FaultSchedule.ts';
import { toEpochMs } from '../../../../src/market/timestamp.ts';
import { content, fault, steps, story, watchful } from './faulty.ts';
import type { WatchfulRecorder } from './faulty.ts';
import { BINANCE, feed, Recorder } from './recorder.ts';

const tick = feed('BTCUSDT', 'tick');
const book = feed('BTCUSDT', 'orderbook');
const trade = feed('BTCUSDT', 'trade');
const candle = feed('BTCUSDT', 'candle', '1s');
const other = feed('ETHUSDT', 'tick');
const ALL = [tick, book, trade, candle];

/** A broker with these faults; all feeds of BTCUSDT are wanted, and a tick of ETHUSDT. A crossed book is noticed. */
function started(...faults: readonly MockFault[]): WatchfulRecorder {
  return watchful({ ...BINANCE, faults }, ...ALL, other);
}

async function count(mock: Recorder, name: 'gaps' | 'resyncs' | 'reconnects', labels: object = {}): Promise<number> {
  const { values } = await mock.metrics[name].get();
  return values
    .filter((value) => Object.entries(labels).every(([key, label]) => Reflect.get(value.labels, key) === label))
    .reduce((sum, { value }) => sum + value, 0);
}

const idsOf = (mock: Recorder): readonly number[] => mock.trades(trade).map(({ tradeId }) => Number(tradeId));

describe('silence', () => {
  it('stops everything, is stale after staleAfterMs, and ends with the next event, as if nothing had been', async () => {
    await using mock = started(fault('silence', { forMs: 15_000, symbols: ['BTCUSDT'] }));
    await mock.clock.advance(4_990);
    const before = mock.events.length;
    await mock.clock.advance(9_950);
    expect(mock.events.slice(before).map((each) => each.feed)).toEqual(
      Array.from(mock.events.slice(before), () => other),
    );
    for (const each of ALL) expect(story(mock, each)).toEqual(['live', 'events']);
    await mock.clock.advance(1_000);
    for (const each of ALL) expect(story(mock, each)).toEqual(['live', 'events', 'stale']);
    await mock.clock.advance(6_000);
    for (const each of ALL) expect(story(mock, each)).toEqual(['live', 'events', 'stale', 'live', 'events']);
    expect(story(mock, other)).toEqual(['live', 'events']);
    expect(mock.books(book).filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    expect(new Set(steps(idsOf(mock)))).toEqual(new Set([1]));
  });

  it('of everything is no activity, and who comes meanwhile is told', async () => {
    await using mock = started(fault('silence', { forMs: 15_000 }));
    await mock.clock.advance(5_000);
    const heard = mock.activity;
    await mock.clock.advance(12_000);
    expect(mock.activity).toBe(heard);
    const late = feed('ETHUSDT', 'trade');
    mock.want(late);
    expect(story(mock, late)).toEqual(['stale']);
    await mock.clock.advance(4_000);
    expect(story(mock, late)).toEqual(['stale', 'live', 'events']);
    expect(mock.activity).toBeGreaterThan(heard);
  });
});

it('who is the first to come during a silence is told at once', async () => {
  await using mock = Recorder.started({ ...BINANCE, faults: [fault('silence', { forMs: 15_000 })] });
  await mock.clock.advance(16_000);
  mock.want(tick);
  expect(story(mock, tick)).toEqual(['stale']);
});

describe('a lost connection', () => {
  it('sends nothing; then missed trades and closed candles come first, and books begin with a snapshot', async () => {
    await using mock = started(fault('disconnect', { forMs: 4_000 }));
    await mock.clock.advance(5_000);
    const before = mock.events.length;
    expect(mock.statuses).toEqual([
      { kind: 'connected' },
      { kind: 'waiting', delayMs: 4_000, reason: 'The connection to the venue was lost.' },
    ]);
    await mock.clock.advance(3_990);
    expect(mock.events).toHaveLength(before);
    for (const each of ALL) expect(story(mock, each)).toEqual(['live', 'events', 'recovering']);
    await mock.clock.advance(2_000);
    expect(mock.statuses.at(-1)).toEqual({ kind: 'connected' });
    for (const each of ALL) expect(story(mock, each)).toEqual(['live', 'events', 'recovering', 'live', 'events']);
    const trades = mock.trades(trade);
    expect(new Set(steps(idsOf(mock)))).toEqual(new Set([1]));
    const missed = trades.filter(({ backfilled }) => backfilled);
    expect(missed.length).toBeGreaterThan(30);
    expect(missed.every(({ time, receivedAt }) => time < receivedAt)).toBe(true);
    const closed = mock.candles(candle).filter((each) => each.closed);
    expect(new Set(steps(closed.map(({ openTime }) => toEpochMs(openTime))))).toEqual(new Set([1_000]));
    expect(closed.filter(({ backfilled }) => backfilled).length).toBeGreaterThanOrEqual(3);
    expect(mock.books(book).filter(({ kind }) => kind === 'snapshot')).toHaveLength(2);
    expect(await count(mock, 'reconnects')).toBe(1);
    expect(await count(mock, 'gaps')).toBe(0);
  });

  it('happens though nobody watches, and a feed that is new after it has missed nothing', async () => {
    await using mock = Recorder.started({ ...BINANCE, faults: [fault('disconnect')] });
    await mock.clock.advance(6_000);
    expect(mock.statuses.map(({ kind }) => kind)).toEqual(['connected', 'waiting']);
    mock.want(trade);
    expect(story(mock, trade)).toEqual(['recovering']);
    await mock.clock.advance(4_000);
    expect(mock.statuses.map(({ kind }) => kind)).toEqual(['connected', 'waiting', 'connected']);
    expect(story(mock, trade)).toEqual(['recovering', 'live', 'events']);
    expect(mock.trades(trade).some(({ backfilled }) => backfilled)).toBe(false);
  });

  it('that lasts longer than history reaches is a gap in front of what history has', async () => {
    await using mock = started(fault('disconnect', { forMs: 100_000 }));
    await mock.clock.advance(106_000);
    expect(story(mock, trade)).toEqual(['live', 'events', 'recovering', 'gap', 'live', 'events']);
    const missed = mock.trades(trade).filter(({ backfilled }) => backfilled);
    expect(missed).toHaveLength(1_000);
    const gap = mock.conditions.find(({ condition }) => condition.kind === 'gap')?.condition;
    expect(gap).toMatchObject({ to: missed[0]?.time });
    expect(steps(idsOf(mock)).filter((step) => step > 1)).toHaveLength(1);
    expect(await count(mock, 'gaps', { type: 'trade' })).toBe(1);
  });

  it('during which trades and candles are lost for good is a gap of both', async () => {
    await using mock = started(fault('disconnect', { forMs: 4_000 }), fault('gap'));
    await mock.clock.advance(10_000);
    for (const each of [trade, candle]) {
      expect(story(mock, each)).toEqual(['live', 'events', 'recovering', 'gap', 'live', 'events']);
      expect(await count(mock, 'gaps', { type: each.type })).toBe(1);
    }
  });

  it('of some symbols leaves the others alone', async () => {
    await using mock = started(fault('disconnect', { symbols: ['BTCUSDT'] }));
    await mock.clock.advance(10_000);
    expect(mock.statuses.map(({ kind }) => kind)).toEqual(['connected', 'degraded', 'connected']);
    expect(story(mock, tick)).toEqual(['live', 'events', 'recovering', 'live', 'events']);
    expect(story(mock, other)).toEqual(['live', 'events']);
  });
});

describe('lost messages', () => {
  it('are a gap of trades and closed candles, from and to, and a book that begins again', async () => {
    await using mock = started(fault('gap', { symbols: ['BTCUSDT'] }));
    await mock.clock.advance(10_000);
    expect(story(mock, tick)).toEqual(['live', 'events']);
    expect(story(mock, trade)).toEqual(['live', 'events', 'gap', 'events']);
    expect(story(mock, candle)).toEqual(['live', 'events', 'gap', 'events']);
    expect(story(mock, book)).toEqual(['live', 'events', 'recovering', 'live', 'events']);
    expect(mock.ticks(tick)).toHaveLength(mock.ticks(other).length);
    const trades = mock.trades(trade);
    const behind = steps(idsOf(mock)).findIndex((step) => step > 1) + 1;
    const lost = Number(trades[behind]?.tradeId) - Number(trades[behind - 1]?.tradeId) - 1;
    expect(mock.conditions.find((each) => each.feed === trade && each.condition.kind === 'gap')?.condition).toEqual({
      kind: 'gap',
      reason: `${lost} trades of BTCUSDT are missing: ids ${Number(trades[behind - 1]?.tradeId) + 1} to ${Number(trades[behind]?.tradeId) - 1}.`,
      to: trades[behind]?.time,
    });
    for (const type of ['trade', 'orderbook', 'candle']) expect(await count(mock, 'gaps', { type })).toBe(1);
    expect(await count(mock, 'resyncs', { reason: 'gap' })).toBe(1);
  });

  it("are in nobody's history either", async () => {
    await using mock = started(fault('gap'));
    await mock.clock.advance(10_000);
    const streamed = new Set(idsOf(mock));
    const asked = (await mock.broker.fetchTrades('BTCUSDT', streamed.size)).map(({ tradeId }) => Number(tradeId));
    expect(asked.every((id) => streamed.has(id))).toBe(true);
    const query = { symbol: 'BTCUSDT', interval: '1s', fromMs: null, toMs: null, limit: 9 } as const;
    const candles = await mock.broker.fetchCandles(query);
    const published = new Set(
      mock
        .candles(candle)
        .filter((each) => each.closed)
        .map(({ openTime }) => openTime),
    );
    expect(candles.filter((each) => each.closed).map(({ openTime }) => openTime)).toEqual([...published].slice(-6));
    expect(published.size).toBe(8);
  });

  it('that contain no closed candle are no gap of candles', async () => {
    const minutes = feed('BTCUSDT', 'candle', '1m');
    await using mock = watchful({ ...BINANCE, faults: [fault('gap')] }, minutes);
    await mock.clock.advance(10_000);
    expect(story(mock, minutes)).toEqual(['live', 'events']);
  });

  it('while nobody watches are none', async () => {
    await using mock = started(fault('gap'));
    await mock.clock.advance(4_000);
    mock.want();
    await mock.clock.advance(4_000);
    mock.want(...ALL);
    await mock.clock.advance(1_000);
    expect(mock.conditions.map(({ condition }) => condition.kind)).not.toContain('gap');
    expect(new Set(steps(idsOf(mock)))).toEqual(new Set([1]));
  });

  it('are one step, if the fault is shorter than that', async () => {
    await using mock = started(fault('gap', { afterMs: 5_010, forMs: 1 }));
    await mock.clock.advance(10_000);
    expect(story(mock, trade)).toEqual(['live', 'events', 'gap', 'events']);
    expect(Math.max(...steps(idsOf(mock)))).toBeLessThanOrEqual(3);
  });
});

describe.each(['duplicate', 'outOfOrder'] as const)('on a wire with messages that are %s', (kind) => {
  it('nobody notices anything', async () => {
    await using clean = started();
    await using mock = started(fault(kind, { afterMs: 0, forMs: 9_950 }));
    await clean.clock.advance(10_000);
    await mock.clock.advance(10_000);
    for (const each of [...ALL, other]) {
      const contents = mock.of(each).map(content);
      expect(contents).toEqual(clean.of(each).map(content).slice(0, contents.length));
      expect(clean.of(each).length - contents.length).toBeLessThanOrEqual(kind === 'duplicate' ? 0 : 1);
      expect(story(mock, each)).toEqual(['live', 'events']);
    }
    expect((await count(mock, 'gaps', { type: 'trade' })) > 0).toBe(kind === 'outOfOrder');
  });
});

it('a late message arrives by itself if none follows', async () => {
  const faults = [fault('outOfOrder', { afterMs: 1_000, forMs: 100_000 })];
  await using mock = watchful({ ...BINANCE, ticksPerSecond: 0.1, faults }, tick);
  await mock.clock.advance(11_000);
  expect(mock.ticks(tick)).toHaveLength(1);
  await mock.clock.advance(2_000);
  expect(mock.ticks(tick)).toHaveLength(2);
});

it('a crossed book is found wrong once, and begins again when the venue has a right one', async () => {
  await using mock = started(fault('crossedBook', { symbols: ['BTCUSDT'] }));
  await mock.clock.advance(10_000);
  expect(mock.crossings).toBe(1);
  expect(story(mock, book)).toEqual(['live', 'events', 'recovering', 'live', 'events']);
  expect(mock.books(book).filter(({ kind }) => kind === 'snapshot')).toHaveLength(2);
  expect(mock.books(book).length).toBe(mock.ticks(tick).length - 20);
  for (const each of [tick, trade, candle]) expect(story(mock, each)).toEqual(['live', 'events']);
});

it('a book is crossed even by a fault of a single step, whatever the step does', async () => {
  const faults = [fault('crossedBook', { afterMs: 950, forMs: 1, everyMs: 500 })];
  await using mock = watchful({ ...BINANCE, faults }, book);
  await mock.clock.advance(60_300);
  expect(mock.crossings).toBe(119);
  expect(story(mock, book).slice(-5)).toEqual(['live', 'events', 'recovering', 'live', 'events']);
});

describe('a halt', () => {
  it('closes the feeds with their last candle, and the market goes on from there', async () => {
    await using mock = started(fault('halt', { symbols: ['BTCUSDT'] }));
    await mock.clock.advance(6_900);
    expect(story(mock, tick)).toEqual(['live', 'events', 'closed']);
    expect(story(mock, candle)).toEqual(['live', 'events', 'closed', 'events']);
    expect(mock.candles(candle).at(-1)).toMatchObject({ closed: true });
    const told = mock.conditions.find(({ condition }) => condition.kind === 'closed');
    expect(told?.condition).toEqual({ kind: 'closed', reason: 'The market of BTCUSDT is closed.' });
    await mock.clock.advance(3_000);
    expect(story(mock, tick)).toEqual(['live', 'events', 'closed', 'live', 'events']);
    expect(story(mock, book)).toEqual(['live', 'events', 'closed', 'live', 'events']);
    expect(mock.books(book).filter(({ kind }) => kind === 'snapshot')).toHaveLength(2);
    expect(new Set(steps(idsOf(mock)))).toEqual(new Set([1]));
    expect(story(mock, other)).toEqual(['live', 'events']);
  });

  it('is in the listing, whoever watches, and told to those who come meanwhile', async () => {
    await using mock = Recorder.started({ ...BINANCE, faults: [fault('halt', { symbols: ['BTCUSDT'] })] });
    await mock.clock.advance(5_000);
    expect(mock.broker.catalog?.instruments.map(({ tradable }) => tradable)).toEqual([false, true]);
    mock.want(tick);
    expect(story(mock, tick)).toEqual(['closed']);
    await mock.clock.advance(2_500);
    expect(mock.broker.catalog?.instruments.map(({ tradable }) => tradable)).toEqual([true, true]);
    expect(story(mock, tick)).toEqual(['closed', 'live', 'events']);
  });
});

it('a schedule that repeats goes on while nobody watches, and close leaves no timer', async () => {
  const faults = [fault('halt', { forMs: 1_000, everyMs: 2_000 })];
  const mock = Recorder.started({ ...BINANCE, faults }, tick);
  await mock.clock.advance(6_000);
  mock.want();
  await mock.clock.advance(99_500);
  mock.want(tick);
  expect(mock.broker.catalog?.get('BTCUSDT')?.tradable).toBe(false);
  expect(story(mock, tick).slice(-1)).toEqual(['closed']);
  await mock.broker.close();
  expect(mock.clock.pending).toBe(0);
});

import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import { CANDLE_INTERVALS } from '../../../../src/market/marketData.ts';
import type { CandleInterval } from '../../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { feedOf, historic, historicCandle, kline, send, startBroker, trade } from './harness.ts';

/** Of the fake clock: 03:04:05. */
const START = Date.UTC(2026, 0, 2, 3, 4, 0);
const TRADES = feedOf('BTCUSDT', 'trade');

type Harness = ReturnType<typeof startBroker>;

/** The reported trades as `id`, with a star if they were fetched afterwards, and gaps as `gap to`. */
const reports = ({ told }: Harness): string[] =>
  told.flatMap((entry) => {
    if ('condition' in entry) return entry.condition.kind === 'gap' ? [`gap to ${entry.condition.to}`] : [];
    const { event } = entry;
    if (event.type === 'trade') return [`${event.tradeId}${event.backfilled ? '*' : ''}`];
    if (event.type === 'candle' && event.closed) return [`${event.openTime}${event.backfilled ? '*' : ''}`];
    return [];
  });

describe.each([
  ['individual', 'btcusdt@trade', (id: number) => trade(id, 9_000)],
  ['aggregate', 'btcusdt@aggTrade', (id: number) => ({ ...trade(id, 9_000), e: 'aggTrade', a: id, f: id, l: id })],
] as const)('%s trades', (trades, stream, message) => {
  it('that were missed come in order before the live ones, marked as fetched afterwards', async () => {
    const harness = startBroker({ trades });
    const socket = await harness.goLive(TRADES);
    send(socket, stream, message(1));
    socket.drop();
    harness.rest.trades = () => Promise.resolve({ trades: historic(2, 3), complete: true });
    const next = await harness.reconnect();
    send(next, stream, message(4));
    await harness.clock.advance(1_000);
    expect(reports(harness)).toEqual(['1', '2*', '3*', '4']);
  });

  it('that the venue has no longer are a gap up to the next trade, told before it', async () => {
    const harness = startBroker({ trades });
    const socket = await harness.goLive(TRADES);
    send(socket, stream, message(1));
    socket.drop();
    harness.rest.trades = () => Promise.resolve({ trades: historic(5), complete: false });
    const next = await harness.reconnect();
    send(next, stream, message(6));
    await harness.clock.advance(5_000);
    expect(reports(harness)).toEqual(['1', `gap to ${fromEpochMs(0)}`, '5*', '6']);
  });

  it('that the venue numbers anew are a gap up to the first of the new numbers', async () => {
    const harness = startBroker({ trades });
    const socket = await harness.goLive(TRADES);
    send(socket, stream, { ...message(900), T: 9_000 });
    send(socket, stream, { ...message(1), T: 20_000 });
    expect(reports(harness)).toEqual(['900', `gap to ${fromEpochMs(20_000)}`, '1']);
  });
});

const VENUE_INTERVALS = (Object.keys(CANDLE_INTERVALS) as CandleInterval[]).filter((interval) => interval !== '5s');

describe.each(VENUE_INTERVALS)('candles of %s', (interval) => {
  const lengthMs = CANDLE_INTERVALS[interval];
  // The fourth of them ends before the clock's present.
  const openMs = (Math.floor(START / lengthMs) - 4) * lengthMs;
  const feed = feedOf('BTCUSDT', 'candle', interval);
  const stream = `btcusdt@kline_${interval}`;
  const bar = (index: number) => kline(openMs + index * lengthMs, { x: true, i: interval, lengthMs });
  const past = (index: number, closed: boolean) =>
    historicCandle(openMs + index * lengthMs, closed, interval, lengthMs);
  const at = (index: number) => fromEpochMs(openMs + index * lengthMs);

  it('that were missed come in order before the live ones, marked as fetched afterwards', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(feed);
    send(socket, stream, bar(0));
    socket.drop();
    harness.rest.candles = () => Promise.resolve([past(0, true), past(1, true), past(2, true), past(3, false)]);
    const next = await harness.reconnect();
    send(next, stream, bar(3));
    await harness.clock.advance(1_000);
    expect(reports(harness)).toEqual([at(0), `${at(1)}*`, `${at(2)}*`, at(3)]);
  });

  it('that the venue does not have are a gap up to the next candle, told before it', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(feed);
    send(socket, stream, bar(0));
    socket.drop();
    harness.rest.candles = () => Promise.resolve([past(0, true)]);
    const next = await harness.reconnect();
    send(next, stream, bar(3));
    await harness.clock.advance(31_000);
    expect(reports(harness)).toEqual([at(0), `gap to ${at(4)}`, at(3)]);
  });
});

describe('candles of seconds', () => {
  const SECONDS = feedOf('BTCUSDT', 'candle', '1s');
  const FIVES = feedOf('BTCUSDT', 'candle', '5s');
  const second = (epochMs: number) => historicCandle(epochMs, true, '1s', 1_000);
  const run = (fromMs: number, count: number) => Array.from({ length: count }, (_, at) => second(fromMs + at * 1_000));

  it('of five that were missed are made of the fetched ones, and marked like them', async () => {
    const harness = startBroker();
    const openMs = START + 5_000;
    const socket = await harness.goLive(FIVES);
    await harness.clock.advance(0);
    for (let at = 0; at < 6; at += 1) send(socket, 'btcusdt@kline_1s', kline(openMs + at * 1_000, { x: true }));
    socket.drop();
    harness.rest.candles = () => Promise.resolve(run(openMs + 5_000, 12));
    const next = await harness.reconnect();
    for (let at = 17; at < 21; at += 1) send(next, 'btcusdt@kline_1s', kline(openMs + at * 1_000, { x: true }));
    await harness.clock.advance(1_000);
    expect(reports(harness)).toEqual([
      fromEpochMs(openMs),
      `${fromEpochMs(openMs + 5_000)}*`,
      `${fromEpochMs(openMs + 10_000)}*`,
      fromEpochMs(openMs + 15_000),
    ]);
  });

  it('of longer ago than is fetched are a gap up to the oldest that is fetched, told before it', async () => {
    const harness = startBroker();
    const socket = await harness.goLive(SECONDS, FIVES);
    await harness.clock.advance(0);
    send(socket, 'btcusdt@kline_1s', kline(START + 6_000, { x: true }));
    socket.drop();
    harness.clock.suspend(6_000_000);
    const firstMs = START + 6_000_000 - 19_000;
    harness.rest.candles = () => Promise.resolve(run(firstMs, 10));
    await harness.reconnect();
    await harness.clock.advance(1_000);
    const of = (feed: Feed): string[] =>
      reports({ ...harness, told: harness.told.filter((entry) => entry.feed === feed) });
    expect(of(SECONDS).slice(0, 3)).toEqual([
      fromEpochMs(START + 6_000),
      `gap to ${fromEpochMs(firstMs)}`,
      `${fromEpochMs(firstMs)}*`,
    ]);
    // The one whose beginning is missing is left out, and none behind it.
    expect(of(FIVES)).toEqual([`gap to ${fromEpochMs(firstMs)}`, `${fromEpochMs(firstMs + 4_000)}*`]);
  });
});

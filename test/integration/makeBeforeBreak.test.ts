import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { BOOK, TICK, TRADE, startBinanceBroker } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';

const SECONDS = feedOf('BTCUSDT', 'candle', '1s');
const FIVES = feedOf('BTCUSDT', 'candle', '5s');
const FEEDS = [TRADE, TICK, BOOK, SECONDS, FIVES];
/** Klines as often as the market moves, so that candles are under way whenever a connection changes. */
const VENUE = { klinePeriodMs: 50, klineCloseDelayMs: [10, 100] } as const;

type Scene = Awaited<ReturnType<typeof startBinanceBroker>>;

/** Nothing of any type was lost, came twice or out of order, and no subscriber was told anything. */
async function expectSeamless(scene: Scene, told: readonly number[]): Promise<void> {
  scene.venue.market('BTCUSDT').depth();
  await scene.waitForOracle();
  const ids = scene.tradeIds();
  expect(ids).toEqual(ids.map((_, at) => (ids[0] ?? 0) + at));
  for (const feed of [SECONDS, FIVES]) {
    const closed = scene.events(feed).flatMap((event) => (event.type === 'candle' && event.closed ? [event] : []));
    const times = closed.map(({ openTime }) => Date.parse(openTime));
    const lengthMs = feed === FIVES ? 5_000 : 1_000;
    expect(times).toEqual(times.map((_, at) => (times[0] ?? 0) + at * lengthMs));
    expect(closed.some(({ backfilled }) => backfilled)).toBe(false);
  }
  const books = scene.events(BOOK).filter((event) => event.type === 'orderbook' && event.kind === 'snapshot');
  expect(books).toHaveLength(1);
  expect(FEEDS.map((feed) => scene.conditions(feed).length)).toEqual(told);
  expect(scene.venue.requests.filter(({ path }) => path.endsWith('rades'))).toEqual([]);
}

describe('under traffic, trades, ticks, books and candles lose nothing and repeat nothing', () => {
  it('while the venue ends each connection after two seconds', async () => {
    await using scene = await startBinanceBroker(FEEDS, {
      staleAfterMs: 400,
      broker: { connectionLifetimeMs: 1_000 },
      venue: { ...VENUE, socket: { lifetimeMs: 2_000 } },
    });
    const traffic = scene.venue.run({ everyMs: 10 });
    await scene.waitForState('live', ...FEEDS);
    const told = FEEDS.map((feed) => scene.conditions(feed).length);
    await waitFor(() => scene.venue.handshakes >= 5, 'five connections');
    traffic[Symbol.dispose]();
    await expectSeamless(scene, told);
    expect(scene.statuses.filter(({ kind }) => kind === 'waiting')).toEqual([]);
  });

  it('while they move from a socket that is no longer needed to another one', async () => {
    const others = Array.from({ length: 800 }, (_, at) => feedOf(`GEN${at + 1}USDT`, 'tick'));
    await using scene = await startBinanceBroker([...others, ...FEEDS], {
      venue: { ...VENUE, generatedSymbols: 800 },
    });
    await scene.clock.hurryUntil(() => FEEDS.every((feed) => scene.state(feed) === 'live'), 'live feeds');
    expect(scene.venue.sockets).toHaveLength(2);
    scene.broker.setWanted(new Set([...others.slice(0, 3), ...FEEDS]));
    await scene.clock.hurryUntil(
      () => scene.venue.sockets.reduce((sum, { streams }) => sum + streams.size, 0) < 10,
      'few streams on two sockets',
    );
    await scene.waitForState('live', ...FEEDS);
    const told = FEEDS.map((feed) => scene.conditions(feed).length);
    const traffic = scene.venue.run({ everyMs: 10 });
    await waitFor(() => scene.tradeIds().length > 20, 'trades');
    let carriers = 0;
    await scene.clock.hurryUntil(() => {
      carriers = Math.max(carriers, scene.venue.subscribers('btcusdt@trade').size);
      return scene.venue.sockets.length === 1;
    }, 'one socket');
    const count = scene.tradeIds().length;
    await waitFor(() => scene.tradeIds().length > count + 20, 'more trades');
    traffic[Symbol.dispose]();
    expect(carriers).toBe(2);
    expect(scene.venue.handshakes).toBe(2);
    await expectSeamless(scene, told);
  });
});

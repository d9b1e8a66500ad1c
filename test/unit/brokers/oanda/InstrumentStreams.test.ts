import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import { InstrumentStreams, VenueClock } from '../../../../src/brokers/oanda/InstrumentStreams.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';
import { priceOf } from './prices.ts';

describe("the venue's time", () => {
  it('goes on with heartbeats, and with prices between them, a second at a time', () => {
    const clock = new VenueClock();
    expect(clock.heartbeat(10_300)).toBe(10_000);
    expect(clock.heartbeat(10_900)).toBeNull();
    expect(clock.price(11_001)).toBe(11_000);
    expect(clock.price(10_500)).toBeNull();
    expect(clock.price(11_900)).toBeNull();
    expect(clock.heartbeat(15_310)).toBe(15_000);
  });

  it('is not known from prices alone, for they may be days old', () => {
    expect(new VenueClock().price(99_000)).toBeNull();
  });

  it('takes no price for made that is far ahead of the last heartbeat', () => {
    const clock = new VenueClock();
    clock.heartbeat(10_000);
    expect(clock.price(90_000)).toBeNull();
    expect(clock.heartbeat(15_000)).toBe(15_000);
  });

  it('recovers from a heartbeat that was far ahead', () => {
    const clock = new VenueClock();
    clock.heartbeat(9_000_000);
    expect(clock.heartbeat(15_000)).toBe(15_000);
    expect(clock.heartbeat(20_000)).toBe(20_000);
  });

  it('knows how late a heartbeat is by the quickest one, whatever the two clocks show', () => {
    const clock = new VenueClock();
    expect(clock.lateness(1_000_000, 5_300)).toBe(0);
    expect(clock.lateness(1_005_000, 10_200)).toBe(0);
    expect(clock.lateness(1_010_000, 27_200)).toBeCloseTo(12_000, -2);
    expect(clock.lateness(1_015_000, 20_200)).toBeCloseTo(0, -2);
  });

  it('takes clocks that drift apart for no lateness', () => {
    const clock = new VenueClock();
    const late = Array.from({ length: 100_000 }, (_, at) => clock.lateness(at * 5_000, at * 5_000.5));
    expect(Math.max(...late)).toBeLessThan(5);
  });
});

it('all instruments are stale while heartbeats come late, and live again when they are in time', async () => {
  const clock = new FakeClock();
  const feeds: Feed[] = ['EUR_USD', 'USD_JPY'].map((symbol) => ({ symbol, type: 'tick', interval: null }));
  const told: string[] = [];
  using streams = new InstrumentStreams({
    rest: { fetchPrice: () => Promise.resolve(null), fetchRecentCandles: () => Promise.resolve([]) },
    confirmer: { ask: () => undefined },
    placesOf: () => 5,
    outage: () => null,
    onUndelivered: () => undefined,
    broker: {
      ...brokerContext(
        'oanda',
        {
          onEvent() {},
          onFeed: (feed, condition) => void told.push(`${feed.symbol} ${condition.kind}`),
          onStatus() {},
          onActivity() {},
          onCatalog() {},
        },
        clock,
      ),
      random: () => 0.5,
    },
  });
  streams.setFeeds(new Map(feeds.map((feed) => [feed.symbol, [feed]])));
  for (const { symbol } of feeds) streams.receive(priceOf({ instrument: symbol }));
  /** A heartbeat that was sent so many seconds after the first one, and comes now. */
  const beat = (second: number): void => {
    const ms = Date.UTC(2026, 0, 2, 3, 4, second);
    streams.heartbeat({ ms, text: new Date(ms).toISOString() } as Parameters<typeof streams.heartbeat>[0]);
  };
  beat(0);
  expect(told.splice(0)).toEqual(['EUR_USD live', 'USD_JPY live']);
  await clock.advance(16_000);
  beat(5);
  expect(told.splice(0)).toEqual(['EUR_USD stale', 'USD_JPY stale']);
  await clock.advance(4_000);
  beat(20);
  expect(told.splice(0)).toEqual(['EUR_USD live', 'USD_JPY live']);
});

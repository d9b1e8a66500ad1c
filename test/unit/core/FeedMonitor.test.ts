import { describe, expect, it } from 'vitest';
import { FeedHealth } from '../../../src/core/FeedHealth.ts';
import { FeedMonitor } from '../../../src/core/FeedMonitor.ts';
import type { MonitoredFeed } from '../../../src/core/FeedMonitor.ts';
import type { FeedType } from '../../../src/market/marketData.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const feed = (type: FeedType, symbol = 'BTCUSDT'): MonitoredFeed => ({
  symbol,
  type,
  interval: null,
  health: new FeedHealth(),
});

function monitor() {
  const clock = new FakeClock();
  const told: string[] = [];
  const subject = new FeedMonitor({
    clock,
    staleAfterMs: 10_000,
    tell: (symbol, { state, reason, gap }) =>
      told.push([symbol, state, gap ? 'gap' : null, reason].filter(Boolean).join(': ')),
  });
  return { clock, told, subject };
}

describe('FeedMonitor', () => {
  it('tells nothing of a feed that opens in good order before it is live', () => {
    const { told, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    expect(told).toEqual([]);
    subject.condition(tick, { kind: 'live' });
    expect(told).toEqual(['BTCUSDT: live']);
  });

  it('tells at once why nothing can come while the venue is away', () => {
    const { told, subject } = monitor();
    subject.open(feed('tick'), 'The venue can not be reached.');
    expect(told).toEqual(['BTCUSDT: recovering: The venue can not be reached.']);
  });

  it('is live only when all feeds of the symbol are', () => {
    const { told, subject } = monitor();
    const [tick, book] = [feed('tick'), feed('orderbook')];
    subject.open(tick, null);
    subject.open(book, null);
    subject.beat(tick);
    expect(told).toEqual([]);
    subject.condition(book, { kind: 'live' });
    subject.condition(book, { kind: 'recovering', reason: 'gap in the book' });
    subject.beat(tick);
    subject.beat(book);
    subject.condition(book, { kind: 'live' });
    expect(told).toEqual(['BTCUSDT: live', 'BTCUSDT: recovering: gap in the book', 'BTCUSDT: live']);
  });

  it('calls a feed stale that normally ticks and falls silent, and live again with the next event', async () => {
    const { clock, told, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    for (let count = 0; count < 20; count += 1) {
      subject.beat(tick);
      await clock.advance(500);
    }
    await clock.advance(9_000);
    expect(told).toEqual(['BTCUSDT: live']);
    await clock.advance(3_500);
    expect(told.slice(1)).toEqual(['BTCUSDT: stale: No tick has come for a while.']);
    subject.beat(tick);
    expect(told.at(-1)).toBe('BTCUSDT: live');
  });

  it('does not call a quiet market stale', async () => {
    const { clock, told, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    for (let count = 0; count < 10; count += 1) {
      subject.beat(tick);
      await clock.advance(8_000);
    }
    await clock.advance(40_000);
    expect(told).toEqual(['BTCUSDT: live']);
  });

  it('tells a gap beside the state', () => {
    const { told, subject } = monitor();
    const trade = feed('trade');
    subject.open(trade, null);
    subject.condition(trade, { kind: 'live' });
    subject.condition(trade, { kind: 'gap', reason: 'trades 5 to 9 were lost' });
    expect(told).toEqual(['BTCUSDT: live', 'BTCUSDT: live: gap: trades 5 to 9 were lost']);
  });

  it('an outage makes every feed recover, but not one that is closed', () => {
    const { told, subject } = monitor();
    const [live, unlisted] = [feed('tick', 'A'), feed('tick', 'B')];
    subject.open(live, null);
    subject.beat(live);
    subject.open(unlisted, null);
    subject.condition(unlisted, { kind: 'closed', reason: 'not listed' });
    subject.outage('connection lost');
    expect(told).toEqual(['A: live', 'B: closed: not listed', 'A: recovering: connection lost']);
  });

  it('leaves no timer behind', () => {
    const { clock, subject } = monitor();
    subject[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});

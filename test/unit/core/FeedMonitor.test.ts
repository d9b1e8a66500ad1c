import { describe, expect, it } from 'vitest';
import { FeedHealth, FeedMonitor } from '../../../src/core/FeedMonitor.ts';
import type { MonitoredFeed, SymbolStatus } from '../../../src/core/FeedMonitor.ts';
import type { FeedType } from '../../../src/market/marketData.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { fromEpochMs, toEpochMs } from '../../../src/market/timestamp.ts';
import type { Timestamp } from '../../../src/market/timestamp.ts';

const feed = (type: FeedType, symbol = 'BTCUSDT', lastTime: Timestamp | null = null): MonitoredFeed => ({
  symbol,
  type,
  interval: null,
  health: new FeedHealth(),
  lastTime,
});

/** The time of a new FakeClock. */
const START = new FakeClock().now();
/** The times of an event that was received at once. */
const NOW = { time: fromEpochMs(0), receivedAt: fromEpochMs(0) };

function monitor() {
  const clock = new FakeClock();
  const reports: string[] = [];
  const standings: string[] = [];
  const statuses: SymbolStatus[] = [];
  const subject = new FeedMonitor({
    clock,
    staleAfterMs: 10_000,
    report: (symbol, status) => {
      const { state, reason, gap, feeds } = status;
      statuses.push(status);
      reports.push([symbol, state, gap ? 'gap' : null, reason].filter(Boolean).join(': '));
      standings.push(feeds.map((each) => `${each.type} ${each.state}${each.gap ? ' gap' : ''}`).join());
    },
  });
  return {
    clock,
    reports,
    standings,
    statuses,
    subject,
    /** Each reported state, and since how many seconds it was so. */
    ages: () =>
      statuses.map(({ state, since }) => `${state} ${since === null ? '-' : (toEpochMs(since) - START) / 1_000}`),
  };
}

describe('FeedMonitor', () => {
  it('reports nothing before a feed that opens normally is live', () => {
    const { reports, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    expect(reports).toEqual([]);
    subject.condition(tick, { kind: 'live' });
    expect(reports).toEqual(['BTCUSDT: live']);
  });

  it('reports at once why nothing can come while the venue is unreachable', () => {
    const { reports, subject } = monitor();
    subject.open(feed('tick'), 'The venue can not be reached.');
    expect(reports).toEqual(['BTCUSDT: recovering: The venue can not be reached.']);
  });

  it('tells how each feed is, and as the state of the symbol the worst of them', () => {
    const { reports, standings, subject } = monitor();
    const [tick, book] = [feed('tick'), feed('orderbook')];
    subject.open(tick, null);
    subject.open(book, null);
    expect(reports).toEqual([]);
    subject.recordEvent(tick, NOW);
    subject.condition(book, { kind: 'live' });
    subject.condition(book, { kind: 'recovering', reason: 'gap in the book' });
    subject.recordEvent(tick, NOW);
    subject.recordEvent(book, NOW);
    subject.condition(book, { kind: 'live' });
    expect(reports.slice(1)).toEqual(['BTCUSDT: live', 'BTCUSDT: recovering: gap in the book', 'BTCUSDT: live']);
    expect(standings).toEqual([
      'tick live',
      'tick live,orderbook live',
      'tick live,orderbook recovering',
      'tick live,orderbook live',
    ]);
  });

  it('calls a feed stale whose last value was withdrawn, until its next event, be it of a book', () => {
    const { reports, standings, subject } = monitor();
    for (const type of ['tick', 'orderbook'] as const) {
      const watched = feed(type, type);
      subject.open(watched, null);
      subject.condition(watched, { kind: 'live' });
      subject.condition(watched, { kind: 'withdrawn', reason: 'no quote' });
      subject.recordEvent(watched, NOW);
    }
    expect(reports).toEqual(
      ['tick', 'orderbook'].flatMap((name) => [`${name}: live`, `${name}: stale: no quote`, `${name}: live`]),
    );
    expect(standings[1]).toBe('tick withdrawn');
  });

  it('reports a busy feed as stale when it falls silent, and as live again with the next event', async () => {
    const { clock, reports, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    for (let count = 0; count < 20; count += 1) {
      subject.recordEvent(tick, NOW);
      await clock.advance(500);
    }
    await clock.advance(9_000);
    expect(reports).toEqual(['BTCUSDT: live']);
    await clock.advance(3_500);
    expect(reports.slice(1)).toEqual(['BTCUSDT: stale: No tick has come for a while.']);
    subject.recordEvent(tick, NOW);
    expect(reports.at(-1)).toBe('BTCUSDT: live');
  });

  it('believes a broker that calls a feed stale, whatever late events come, until the broker says otherwise', () => {
    const { reports, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    subject.recordEvent(tick, NOW);
    subject.condition(tick, { kind: 'stale', reason: 'What comes is 90 s late.' });
    subject.recordEvent(tick, NOW);
    expect(reports.slice(1)).toEqual(['BTCUSDT: stale: What comes is 90 s late.']);
    subject.condition(tick, { kind: 'live' });
    expect(reports.at(-1)).toBe('BTCUSDT: live');
  });

  it('does not call a quiet market stale', async () => {
    const { clock, reports, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    for (let count = 0; count < 10; count += 1) {
      subject.recordEvent(tick, NOW);
      await clock.advance(8_000);
    }
    await clock.advance(40_000);
    expect(reports).toEqual(['BTCUSDT: live']);
  });

  it('reports a gap besides the state', () => {
    const { reports, subject } = monitor();
    const trade = feed('trade');
    subject.open(trade, null);
    subject.condition(trade, { kind: 'live' });
    subject.condition(trade, { kind: 'gap', reason: 'trades 5 to 9 were lost', to: null });
    expect(reports).toEqual(['BTCUSDT: live', 'BTCUSDT: live: gap: trades 5 to 9 were lost']);
  });

  it('reports a gap of the feed that has it, not of candles of another interval', () => {
    const { standings, subject } = monitor();
    const minute: MonitoredFeed = { ...feed('candle'), interval: '1m' };
    const hour: MonitoredFeed = { ...feed('candle'), interval: '1h' };
    for (const each of [minute, hour]) {
      subject.open(each, null);
      subject.condition(each, { kind: 'live' });
    }
    subject.condition(hour, { kind: 'gap', reason: 'An hour is lost.', to: null });
    expect(standings.at(-1)).toBe('candle live,candle live gap');
  });

  it('reports between which of its events a feed has lost some, and of no other feed', () => {
    const { statuses, subject } = monitor();
    const [tick, trade] = [feed('tick'), feed('trade', 'BTCUSDT', fromEpochMs(5_000))];
    for (const each of [tick, trade]) {
      subject.open(each, null);
      subject.condition(each, { kind: 'live' });
    }
    subject.condition(trade, { kind: 'gap', reason: 'lost', to: fromEpochMs(9_000) });
    const gap = { type: 'trade', from: fromEpochMs(5_000), to: fromEpochMs(9_000) };
    expect(statuses.map((status) => status.gap)).toEqual([null, null, gap]);
    expect(statuses.at(-1)?.feeds.map((each) => [each.type, each.gap])).toEqual([
      ['tick', null],
      ['trade', gap],
    ]);
  });

  it('reports a gap of a feed that has had no event, and of which nothing else is known', () => {
    const { statuses, subject } = monitor();
    const trade = feed('trade');
    subject.open(trade, null);
    subject.condition(trade, { kind: 'gap', reason: 'lost', to: null });
    const gap = { type: 'trade', from: null, to: null };
    const standing = { type: 'trade', interval: null, state: 'opening', reason: null, since: null, gap };
    expect(statuses).toEqual([{ state: 'recovering', reason: 'lost', since: null, gap, feeds: [standing] }]);
  });

  it('says since when a feed is in its state, whatever the reason', async () => {
    const { clock, ages, reports, subject } = monitor();
    const tick = feed('tick');
    subject.open(tick, null);
    for (const condition of [
      { kind: 'live' },
      { kind: 'recovering', reason: 'first' },
      { kind: 'recovering', reason: 'second' },
      { kind: 'withdrawn', reason: 'third' },
      { kind: 'stale', reason: 'fourth' },
      { kind: 'gap', reason: 'fifth', to: null },
      { kind: 'live' },
    ] as const) {
      await clock.advance(1_000);
      subject.condition(tick, condition);
    }
    expect(reports).toHaveLength(7);
    expect(ages()).toEqual(['live 1', 'recovering 2', 'recovering 2', 'stale 4', 'stale 4', 'stale 4', 'live 7']);
  });

  it('says of a symbol since when its first feed is in trouble, and since when its last is not', async () => {
    const { clock, ages, subject } = monitor();
    const feeds = { tick: feed('tick'), trade: feed('trade'), candle: feed('candle') };
    for (const each of Object.values(feeds)) subject.open(each, null);
    for (const [type, condition] of [
      ['candle', { kind: 'live' }],
      ['trade', { kind: 'stale', reason: 'No trade.' }],
      ['tick', { kind: 'withdrawn', reason: 'No quote.' }],
      ['trade', { kind: 'live' }],
      ['tick', { kind: 'live' }],
    ] as const) {
      await clock.advance(1_000);
      subject.condition(feeds[type], condition);
    }
    expect(ages()).toEqual(['live 1', 'stale 2', 'stale 2', 'stale 3', 'live 5']);
  });

  it('reports every feed as recovering during an outage, except one that is closed', () => {
    const { reports, subject } = monitor();
    const [live, unlisted] = [feed('tick', 'A'), feed('tick', 'B')];
    subject.open(live, null);
    subject.recordEvent(live, NOW);
    subject.open(unlisted, null);
    subject.condition(unlisted, { kind: 'closed', reason: 'not listed' });
    subject.outage('connection lost');
    expect(reports).toEqual(['A: live', 'B: closed: not listed', 'A: recovering: connection lost']);
  });

  it('leaves no timer behind', () => {
    const { clock, subject } = monitor();
    subject[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  describe('FeedMonitor after the process was suspended', () => {
    /** Suspends the process for twenty seconds, in which no timer runs. */
    async function suspended() {
      const all = monitor();
      const [tick, quiet] = [feed('tick', 'A'), feed('tick', 'B')];
      for (const each of [tick, quiet]) {
        all.subject.open(each, null);
        all.subject.recordEvent(each, NOW);
      }
      await all.clock.advance(2_000);
      const before = all.clock.now();
      all.clock.suspend(20_000);
      const event = (ms: number) => ({ time: fromEpochMs(ms), receivedAt: fromEpochMs(all.clock.now()) });
      return { ...all, tick, quiet, before, event };
    }

    it('reports everything as stale before any event that waited, and as live with the first recent event', async () => {
      const { clock, reports, subject, tick, before, event } = await suspended();
      subject.recordEvent(tick, event(before + 100));
      const reason = 'stale: The gateway did not run for 22 s; what comes until it has caught up is late.';
      expect(reports.slice(2)).toEqual([`A: ${reason}`, `B: ${reason}`]);
      subject.recordEvent(tick, event(clock.now() - 5_000));
      expect(reports).toHaveLength(4);
      subject.recordEvent(tick, event(clock.now() - 500));
      expect(reports.slice(4)).toEqual(['A: live']);
    });

    it('reports everything as stale though nothing comes, and takes an event without a time of its own for one that waited', async () => {
      const { clock, reports, subject, tick, quiet, event } = await suspended();
      await clock.advance(0);
      expect(reports.slice(2)).toHaveLength(2);
      subject.recordEvent(quiet, event(clock.now()));
      expect(reports).toHaveLength(4);
      // A timer that fires on time shows that nothing waits any more.
      await clock.advance(2_500);
      for (const each of [tick, quiet]) subject.recordEvent(each, event(clock.now()));
      expect(reports.slice(4)).toEqual(['A: live', 'B: live']);
    });
  });
});

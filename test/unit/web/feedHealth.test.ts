import { describe, expect, it } from 'vitest';
import type { FeedStatus, Tick } from '../../../client/index.ts';
import { bufferKey, FeedHealth } from '../../../web/data/FeedHealth.ts';

const at = (ms: number): string => new Date(ms).toISOString();
const tick = (timeMs: number, receivedMs = timeMs): Tick => ({
  __typename: 'Tick',
  type: 'TICK',
  broker: 'b',
  symbol: 'S',
  time: at(timeMs),
  receivedAt: at(receivedMs),
  sequence: 1,
  cursor: `t${timeMs}`,
  bid: '1',
  bidSize: null,
  ask: '2',
  askSize: null,
  last: null,
  mid: '1.5',
  spread: '1',
});
const status = (state: FeedStatus['state'], symbol = 'S', more: Partial<FeedStatus> = {}): FeedStatus => ({
  __typename: 'FeedStatus',
  type: 'STATUS',
  broker: 'b',
  symbol,
  time: at(0),
  receivedAt: at(0),
  sequence: 1,
  cursor: `s${state}${symbol}`,
  state,
  reason: `${state} of ${symbol}`,
  since: at(0),
  gap: null,
  replay: null,
  ...more,
});

describe('the health of a feed', () => {
  it('is that of its worst symbol, with the reason', () => {
    const health = new FeedHealth();
    expect(health.report(0)).toMatchObject({ state: null, lastAtMs: null });
    for (const event of [status('LIVE'), status('STALE', 'T'), status('LIVE', 'U')]) {
      health.take(event, { atMs: 0, wallMs: 0 });
    }
    expect(health.report(0)).toMatchObject({ state: 'STALE', reason: 'STALE of T' });
    health.take(status('LIVE', 'T'), { atMs: 0, wallMs: 0 });
    expect(health.report(0)).toMatchObject({ state: 'LIVE' });
  });

  it('measures the way from the venue to the gateway and from there to the page', () => {
    const health = new FeedHealth();
    health.take(tick(1_000, 1_030), { atMs: 5, wallMs: 1_034 });
    expect(health.report(10)).toMatchObject({ venueMs: 30, pageMs: 4, lastAtMs: 5 });
  });

  it('an event that was kept for the beginning says nothing about the way of a new one', () => {
    const health = new FeedHealth();
    health.take(tick(1_000), { atMs: 5, wallMs: 60_000 });
    expect(health.report(10)).toMatchObject({ venueMs: null, pageMs: null, lastAtMs: 5 });
  });

  it('counts messages a second over the last seconds', () => {
    const health = new FeedHealth();
    for (let ms = 0; ms <= 10_000; ms += 250) {
      health.take(tick(ms), { atMs: ms, wallMs: ms });
      health.report(ms);
    }
    expect(health.report(10_000).perSecond).toBeCloseTo(4, 0);
    expect(health.report(20_000).perSecond).toBe(0);
  });

  it('counts gaps, also what a replay could not bring back', () => {
    const health = new FeedHealth();
    const gap = { type: 'TRADE', from: null, to: null } as const;
    health.take(status('LIVE', 'S', { gap }), { atMs: 0, wallMs: 0 });
    health.take(status('LIVE', 'S', { replay: { recovered: false, events: 0, complete: false } }), {
      atMs: 0,
      wallMs: 0,
    });
    health.take(status('LIVE', 'S', { replay: { recovered: true, events: 3, complete: true } }), {
      atMs: 0,
      wallMs: 0,
    });
    expect(health.report(0).gaps).toBe(2);
  });

  it('of ticks the newest waits to be drawn, of statuses all', () => {
    expect(bufferKey(tick(1))).toBe(bufferKey(tick(2)));
    expect(bufferKey(status('LIVE'))).not.toBe(bufferKey(status('STALE')));
  });
});

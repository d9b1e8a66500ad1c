import { describe, expect, it } from 'vitest';
import { StatusCache, StatusView } from '../../../src/core/StatusView.ts';
import type { FeedName, StatusViewOptions } from '../../../src/core/StatusView.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import type { FeedStanding, FeedStatus } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { key, status } from '../../support/events.ts';

const TICK: FeedName = { type: 'tick', interval: null };
const TRADE: FeedName = { type: 'trade', interval: null };
const MINUTES: FeedName = { type: 'candle', interval: '1m' };
const at = (second: number) => fromEpochMs(second * 1_000);

const standing = (feed: FeedName, members: Partial<FeedStanding> = {}): FeedStanding => ({
  ...feed,
  state: 'live',
  reason: null,
  since: at(1),
  gap: null,
  ...members,
});

/** A status as a FeedMonitor reports it, with these feeds. */
const reported = (feeds: readonly FeedStanding[], members: Partial<FeedStatus> = {}): SharedEvent =>
  new SharedEvent(key('status'), status(1, { feeds, ...members }));

const view = (feeds: readonly FeedName[], options: Partial<StatusViewOptions> = {}): StatusView =>
  new StatusView({ feeds: () => feeds, assumed: null, cache: new StatusCache(), ...options });

/** The content of a status that a subscriber is sent. */
function shown(seen: SharedEvent | null): Partial<FeedStatus> | null {
  if (seen?.event.type !== 'status') return null;
  const { state, reason, since, gap } = seen.event;
  return { state, reason, since, gap };
}

describe('a gap in one feed', () => {
  const gap = { type: 'trade', from: at(3), to: at(5) } as const;
  const feeds = [standing(TICK), standing(TRADE, { since: at(2), gap })];
  const source = (): SharedEvent => reported(feeds, { reason: 'Trades are lost.', since: at(2), gap });

  it('is shown to subscribers of that feed, with its times and since when the state is what it is', () => {
    for (const own of [[TRADE], [TICK, TRADE]]) {
      const seen = view(own).see(source(), false);
      expect(shown(seen.gap)).toEqual({ state: 'live', reason: 'Trades are lost.', since: at(2), gap });
      expect(shown(seen.state)).toEqual({ state: 'live', reason: null, since: at(2), gap: null });
    }
  });

  it('is not shown to subscribers of other feeds, nor of other candles', () => {
    expect(view([TICK], { assumed: { state: 'live', reason: null } }).see(source(), false)).toEqual({
      gap: null,
      state: null,
    });
    const lost = standing({ type: 'candle', interval: '5s' }, { gap: { ...gap, type: 'candle' } });
    const seen = view([MINUTES]).see(reported([lost, standing(MINUTES)], { gap: lost.gap }), false);
    expect([seen.gap, shown(seen.state)?.gap]).toEqual([null, null]);
  });

  it('is not shown to subscribers that came after it', () => {
    expect(view([TRADE]).see(source(), true).gap).toBeNull();
  });
});

describe('the time since which a subscriber’s state is as it is', () => {
  it('is that of its own feeds, and stays when only the reason changes', () => {
    const subject = view([TICK]);
    const see = (members: Partial<FeedStanding>) =>
      shown(subject.see(reported([standing(TICK, members), standing(TRADE, { since: at(9) })]), false).state);
    expect(see({ since: at(2) })).toMatchObject({ state: 'live', since: at(2) });
    expect(see({ state: 'stale', reason: 'a', since: at(4) })).toMatchObject({ state: 'stale', since: at(4) });
    expect(see({ state: 'stale', reason: 'b', since: at(4) })).toMatchObject({ reason: 'b', since: at(4) });
    expect(see({ since: at(6) })).toMatchObject({ state: 'live', since: at(6) });
  });

  it('is that of the first of its feeds that is in trouble, and of the last that is not any more', () => {
    const subject = view([TICK, TRADE]);
    const see = (tick: Partial<FeedStanding>, trade: Partial<FeedStanding>) =>
      shown(subject.see(reported([standing(TICK, tick), standing(TRADE, trade)]), false).state);
    const late = { state: 'stale', reason: 'No tick.', since: at(7) } as const;
    expect(see(late, { state: 'stale', reason: 'No trade.', since: at(5) })).toMatchObject({ since: at(5) });
    expect(see({ since: at(9) }, { since: at(8) })).toMatchObject({ state: 'live', since: at(9) });
  });

  it('is the time of the status itself if nothing is known of the feeds', () => {
    const source = reported([standing(TRADE, { state: 'stale', reason: 'No trade.' })]);
    expect(shown(view([TICK]).see(source, false).state)).toBeNull();
    const lost = { type: 'tick', from: null, to: null } as const;
    const opening = standing(TICK, { state: 'opening', since: null, gap: lost });
    const { gap } = view([TICK]).see(reported([opening], { reason: 'lost', gap: lost }), false);
    expect(shown(gap)).toEqual({ state: 'recovering', reason: 'lost', since: source.event.time, gap: lost });
  });
});

describe('subscribers who see the same', () => {
  const feeds = [standing(TICK, { state: 'stale', reason: 'No tick.' }), standing(TRADE)];

  it('share one event, and those who see something else have another', () => {
    const cache = new StatusCache();
    const source = reported(feeds, { state: 'stale', reason: 'No tick.', since: at(1) });
    const sent = [[TICK], [TICK, TRADE], [TRADE], [TRADE]].map((own) => view(own, { cache }).see(source, false).state);
    expect(sent[0]).toBe(source);
    expect(sent[1]).toBe(source);
    expect(sent[2]).not.toBe(source);
    expect(sent[3]).toBe(sent[2]);
  });

  it('do not share one if they see the same state since different times', () => {
    const cache = new StatusCache();
    const source = reported([standing(TICK, { since: at(1) }), standing(TRADE, { since: at(2) })], { since: at(3) });
    const sent = [[TICK], [TRADE]].map((own) => shown(view(own, { cache }).see(source, false).state)?.since);
    expect(sent).toEqual([at(1), at(2)]);
  });
});

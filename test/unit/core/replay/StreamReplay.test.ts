import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { ReplayStage } from '../../../support/ReplayStage.ts';

const unavailable = (retryAfterMs?: number): GatewayError =>
  new GatewayError('BROKER_UNAVAILABLE', 'The venue is away.', retryAfterMs === undefined ? {} : { retryAfterMs });

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('a client whose cursor is of this life of the stream', () => {
  it('is sent what is kept at once, and then what comes', () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(100, 110);
    const { outcomes, story } = stage.join({ cursor: stage.log.events.after(0)[3]?.sharedEvent.event.cursor ?? '' });
    expect(outcomes).toEqual([{ recovered: true, events: 7, complete: true }]);
    stage.trade(111);
    expect(story).toEqual(range(104, 111));
    expect(stage.venue.asked).toEqual([]);
  });

  it('is sent them as late events, whose age is no latency', () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(100);
    const [first] = stage.log.events.after(0);
    const cursor = first?.sharedEvent.event.cursor ?? '';
    stage.join({ cursor });
    stage.trade(101, 102);
    const kept = (): (boolean | undefined)[] => stage.log.events.after(0).map(({ sharedEvent }) => sharedEvent.isLive);
    expect(kept()).toEqual([false, true, true]);
    stage.join({ cursor });
    expect(kept()).toEqual([false, false, false]);
  });

  it('is sent the reports of gaps at their places', () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(100, 101);
    stage.stand('live', { type: 'trade', from: null, to: null });
    stage.stand('live', { type: 'trade', from: null, to: null });
    stage.trade(120, 121);
    const cursor = stage.log.events.after(0)[0]?.sharedEvent.event.cursor ?? '';
    const { outcomes, story } = stage.join({ cursor });
    expect(story).toEqual([101, 'gap', 'gap', 120, 121]);
    expect(outcomes).toEqual([{ recovered: true, events: 3, complete: true }]);
  });

  it('is told of a jump that nobody reported', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(100, 101);
    const cursor = stage.log.events.after(0)[0]?.sharedEvent.event.cursor ?? '';
    stage.trade(120);
    const { outcomes, story } = stage.join({ cursor });
    await stage.clock.advance(10_000);
    expect(story).toEqual([101, 'gap', 120]);
    expect(outcomes).toEqual([{ recovered: false, events: 2, complete: false }]);
  });
});

describe('a client of another life', () => {
  it('waits until the venue delivers, and gets what the venue has', async () => {
    using stage = new ReplayStage();
    stage.venue.has = stage.past(90, 120);
    const { outcomes, story } = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(3_000);
    expect(stage.venue.asked).toEqual([]);
    stage.stand('live');
    await stage.clock.advance(0);
    expect(stage.venue.asked).toEqual(['from 100']);
    expect(outcomes).toEqual([{ recovered: false, events: 20, complete: true }]);
    expect(stage.known).toEqual([120]);
    stage.trade(121);
    expect(story).toEqual(range(101, 121));
  });

  it('waits until the leader of its gateway is known, without which nothing has a number', async () => {
    using stage = new ReplayStage({ isFollowed: true });
    stage.venue.has = stage.past(90, 120);
    stage.stand('stale');
    const { outcomes, story } = stage.join({ cursor: stage.cursorOf(100) });
    const newcomer = stage.join({ history: 3 });
    await stage.clock.advance(4_000);
    expect([stage.venue.asked, outcomes, newcomer.outcomes]).toEqual([[], [], []]);
    stage.led(110, 120);
    await stage.clock.advance(1_000);
    expect(outcomes).toEqual([{ recovered: false, events: 20, complete: true }]);
    expect(newcomer.outcomes).toEqual([{ recovered: null, events: 3, complete: true }]);
    stage.trade(121);
    expect(story).toEqual(range(101, 121));
    expect(newcomer.story).toEqual(range(118, 121));
  });

  it('waits five seconds for that at most', async () => {
    using stage = new ReplayStage({ isFollowed: true });
    stage.venue.has = stage.past(90, 120);
    stage.stand('stale');
    const { outcomes } = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(4_900);
    expect(outcomes).toEqual([]);
    await stage.clock.advance(100);
    expect(stage.venue.asked).toEqual([]);
    expect(outcomes).toEqual([{ recovered: false, events: 0, complete: false }]);
  });

  it('is sent what comes while the venue is asked behind what was fetched', async () => {
    using stage = new ReplayStage();
    stage.venue.has = stage.past(90, 120);
    stage.stand('live');
    const answer = Promise.withResolvers<void>();
    stage.venue.until = answer.promise;
    const { story } = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(0);
    stage.trade(121, 125);
    expect(story).toEqual([]);
    answer.resolve();
    await stage.clock.advance(0);
    expect(story).toEqual(range(101, 125));
  });

  it('is told of the gap after ten seconds if the venue stays away', async () => {
    using stage = new ReplayStage();
    stage.stand('recovering');
    const { gaps, outcomes, story } = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(9_900);
    expect(outcomes).toEqual([]);
    await stage.clock.advance(200);
    expect(outcomes).toEqual([{ recovered: false, events: 0, complete: false }]);
    expect(gaps).toEqual([{ type: 'trade', from: stage.past(100, 100)[0]?.time, to: null }]);
    stage.trade(150);
    expect(story).toEqual(['gap', 150]);
  });

  it('is told of it after ten seconds if the venue does not answer', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.venue.until = new Promise(() => undefined);
    const { outcomes, story } = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(10_100);
    expect(outcomes).toHaveLength(1);
    expect(story).toEqual(['gap']);
  });

  it('has the venue asked again after a failure, but not one that lasts', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.venue.has = stage.past(90, 120);
    stage.venue.failure = unavailable();
    const first = stage.join({ cursor: stage.cursorOf(100) });
    await stage.clock.advance(2_000);
    expect(stage.venue.asked.length).toBeGreaterThan(2);
    stage.venue.failure = null;
    await stage.clock.advance(2_000);
    expect(first.outcomes).toEqual([{ recovered: false, events: 20, complete: true }]);
    for (const failure of [unavailable(60_000), new GatewayError('UNSUPPORTED_TYPE', 'No history.')]) {
      using other = new ReplayStage();
      other.stand('live');
      other.venue.failure = failure;
      const { outcomes } = other.join({ cursor: other.cursorOf(100) });
      await other.clock.advance(100);
      expect(outcomes).toHaveLength(1);
      expect(other.venue.asked).toHaveLength(1);
    }
  });

  it('is not kept waiting for what the venue can’t have: older trades, or others of that id', async () => {
    for (const oldest of [200, 90]) {
      using stage = new ReplayStage();
      stage.stand('live');
      stage.venue.has = stage.past(oldest, 250);
      const cursor = stage
        .cursorOf(100)
        .replace(/-\d+-100$/, (place) => (oldest === 90 ? '-1767312000001-100' : place));
      const { outcomes, story } = stage.join({ cursor });
      await stage.clock.advance(100);
      expect(outcomes).toMatchObject([{ recovered: false, complete: false }]);
      expect(stage.venue.asked).toEqual(['from 100']);
      expect(story[0]).toBe('gap');
      expect(story.at(-1)).toBe(250);
      expect(story.filter((each) => each === 'gap')).toHaveLength(1);
    }
  });

  it('goes on at once if the broker is out of service', async () => {
    using stage = new ReplayStage();
    stage.stand('closed');
    const { outcomes } = stage.join({ cursor: stage.cursorOf(100), adapter: null });
    await stage.clock.advance(0);
    expect(outcomes).toEqual([{ recovered: false, events: 0, complete: false }]);
  });
});

describe('history', () => {
  it('is not more than was asked for, and ends where the live events begin', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.venue.has = stage.past(1, 500);
    const first = stage.join({ history: 50 });
    await stage.clock.advance(0);
    stage.trade(501);
    expect(first.story).toEqual(range(451, 501));
    const second = stage.join({ history: 10 });
    expect(second.outcomes).toEqual([{ recovered: null, events: 10, complete: true }]);
    expect(second.story).toEqual(range(492, 501));
    expect(stage.venue.asked).toEqual(['last 50']);
  });

  it('of a venue that has less is not complete, and no gap', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.venue.has = stage.past(1, 5);
    const { outcomes, story } = stage.join({ history: 50 });
    await stage.clock.advance(3_000);
    expect(outcomes).toEqual([{ recovered: null, events: 5, complete: false }]);
    expect(story).toEqual(range(1, 5));
  });

  it('that can’t be fetched is none, and no gap', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.venue.failure = unavailable(60_000);
    const { outcomes, story } = stage.join({ history: 50 });
    await stage.clock.advance(100);
    stage.trade(7);
    expect(outcomes).toEqual([{ recovered: null, events: 0, complete: false }]);
    expect(story).toEqual([7]);
  });
});

describe('a client that reads slowly', () => {
  const paced = (stage: ReplayStage): { readonly read: () => Promise<void> } & ReturnType<ReplayStage['join']> => {
    let waiting = Promise.withResolvers<void>();
    const cursor = stage.log.events.after(0)[0]?.sharedEvent.event.cursor ?? '';
    const audience = stage.join({ cursor });
    audience.room = () => waiting.promise;
    const read = async (): Promise<void> => {
      const { resolve } = waiting;
      audience.room = () => null;
      resolve();
      await Promise.resolve();
      waiting = Promise.withResolvers<void>();
      audience.room = () => waiting.promise;
      await stage.clock.advance(0);
    };
    return Object.assign(audience, { read });
  };

  it('is sent as much as it takes, in order, with what comes meanwhile', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(1, 1_000);
    const { read, story } = paced(stage);
    const first = story.length;
    expect(first).toBeLessThan(100);
    await stage.clock.advance(60_000);
    expect(story.length).toBe(first);
    stage.trade(1_001, 1_500);
    for (let turn = 0; turn < 100 && story.length < 1_499; turn += 1) await read();
    stage.trade(1_501);
    expect(story).toEqual(range(2, 1_501));
  });

  it('is sent the rest when the log can’t keep it any longer, and nothing is lost', async () => {
    using stage = new ReplayStage();
    stage.stand('live');
    stage.trade(1, 1_000);
    const { story } = paced(stage);
    await stage.clock.advance(0);
    stage.trade(1_001, 12_000);
    expect(story).toEqual(range(2, 12_000));
  });

  it('is sent the rest when the memory of all logs is used up, and nothing is lost', async () => {
    using stage = new ReplayStage({ maxBytes: 2_000 * 800 });
    stage.stand('live');
    stage.trade(1, 1_000);
    const { story } = paced(stage);
    await stage.clock.advance(0);
    stage.trade(1_001, 3_000);
    expect(story).toEqual(range(2, 3_000));
  });
});

it('nothing is left of a client that leaves, whatever it waits for', async () => {
  for (const wait of ['the stream', 'the venue', 'a failure', 'room']) {
    using stage = new ReplayStage();
    const pending = stage.clock.pending;
    if (wait !== 'the stream') stage.stand('live');
    const answer = Promise.withResolvers<void>();
    if (wait === 'the venue') stage.venue.until = answer.promise;
    if (wait === 'a failure') stage.venue.failure = unavailable();
    if (wait === 'room') stage.trade(1, 500);
    const cursor = stage.log.events.after(0)[0]?.sharedEvent.event.cursor ?? stage.cursorOf(100);
    const topics = stage.index.size;
    const { leave, story } = stage.join({ cursor, ...(wait === 'room' ? { room: answer.promise } : {}) });
    await stage.clock.advance(0);
    const sent = story.length;
    leave();
    answer.resolve();
    await stage.clock.advance(0);
    expect(stage.clock.pending).toBe(pending);
    expect(stage.index.size).toBe(topics);
    stage.trade(501, 2_000);
    expect(stage.log.events.length).toBeLessThan(1_100);
    expect(sent).toBe(0);
    expect(story).toEqual([]);
  }
});

import { beforeEach, describe, expect, it } from 'vitest';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { Pass, Patience } from '../../../src/transport/RequestQueue.ts';
import type { Asker } from '../../../src/shared/FairQueue.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { FakeClock } from '../../support/FakeClock.ts';

let clock: FakeClock;
let queue: RequestQueue;
let entered: string[];
let passes: Pass[];
let refused: Map<string, unknown>;

beforeEach(() => {
  clock = new FakeClock();
  queue = new RequestQueue({ clock, random: seededRandom(1), concurrency: 2, weightPerMinute: 100, bound: 3 });
  entered = [];
  passes = [];
  refused = new Map();
});

function enter(
  label: string,
  patience: Patience,
  options: { name?: string; weight?: number; signal?: AbortSignal; asker?: Asker; series?: string } = {},
): void {
  const { name = 'venue', weight = 1, signal = new AbortController().signal, asker, series } = options;
  queue.enter({ name, weight, patience, series, askers: () => (asker === undefined ? [] : [asker]) }, signal).then(
    (pass) => passes.push(pass) && entered.push(label),
    (reason: unknown) => refused.set(label, reason),
  );
}

function leave(weight = 1, used: number | null = null): void {
  queue.leave({ demand: { weight, patience: 'wait' } }, used);
}

describe('RequestQueue', () => {
  it('admits as many at a time as it may, the live feed before clients, in order of arrival', async () => {
    for (const label of ['c1', 'c2', 'c3', 'c4']) enter(label, 'fail');
    for (const label of ['f1', 'f2']) enter(label, 'wait');
    await clock.advance(0);
    expect(entered).toEqual(['c1', 'c2']);
    for (let count = 0; count < 4; count += 1) {
      leave();
      await clock.advance(0);
    }
    expect(entered).toEqual(['c1', 'c2', 'f1', 'f2', 'c3', 'c4']);
  });

  it('sends the requests of a series one after another, and lets others pass', async () => {
    for (const label of ['a1', 'a2', 'a3']) enter(label, 'wait', { series: 'a' });
    enter('client', 'fail');
    await clock.advance(0);
    expect(entered).toEqual(['a1', 'client']);
    const demand = { weight: 1, patience: 'wait', series: 'a' } as const;
    queue.leave({ demand: { weight: 1, patience: 'fail' } }, null);
    await clock.advance(60_000);
    expect(entered).toEqual(['a1', 'client']);
    queue.leave({ demand }, null);
    await clock.advance(0);
    queue.leave({ demand }, null);
    await clock.advance(0);
    expect(entered).toEqual(['a1', 'client', 'a2', 'a3']);
    queue.leave({ demand }, null);
    expect(clock.pending).toBe(0);
  });

  it('refuses what is over the bound, and says when to come again', async () => {
    for (const label of ['a', 'b', 'c', 'd', 'e', 'f']) enter(label, 'wait');
    await clock.advance(0);
    expect([...refused.keys()]).toEqual(['f']);
    expect(refused.get('f')).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 1_000 } });
  });

  it('leaves room for the live feed when clients have used up theirs', async () => {
    enter('client', 'fail', { weight: 60 });
    await clock.advance(0);
    leave(60);
    enter('too many', 'fail');
    enter('feed', 'wait', { weight: 20 });
    await clock.advance(0);
    expect(entered).toEqual(['client', 'feed']);
    expect(refused.get('too many')).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 60_000 } });
  });

  it('makes the live feed wait for the weight, not fail', async () => {
    enter('first', 'wait', { weight: 80 });
    await clock.advance(0);
    leave(80);
    enter('second', 'wait', { weight: 5 });
    await clock.advance(59_999);
    expect(entered).toEqual(['first']);
    await clock.advance(1);
    expect(entered).toEqual(['first', 'second']);
    expect(clock.pending).toBe(0);
  });

  it('obeys the weight that the venue counted', async () => {
    enter('first', 'wait');
    await clock.advance(0);
    leave(1, 80);
    enter('second', 'wait');
    await clock.advance(59_999);
    expect(entered).toEqual(['first']);
    await clock.advance(1);
    expect(entered).toEqual(['first', 'second']);
  });

  it('sends nothing during a pause: clients are refused at once, the live feed waits for its end', async () => {
    enter('running', 'wait');
    enter('running too', 'wait');
    enter('client before', 'fail');
    enter('feed', 'wait');
    queue.pause(7_000);
    leave();
    enter('client after', 'fail');
    await clock.advance(6_999);
    expect(entered).toEqual(['running', 'running too']);
    for (const label of ['client before', 'client after']) {
      expect(refused.get(label)).toMatchObject({ code: 'BROKER_UNAVAILABLE', details: { retryAfterMs: 7_000 } });
    }
    expect(queue.pausedUntilMs).toBe(7_000);
    await clock.advance(1);
    expect(entered).toEqual(['running', 'running too', 'feed']);
    expect(queue.pausedUntilMs).toBeNull();
  });

  it('never shortens a pause', async () => {
    queue.pause(10_000);
    queue.pause(1_000);
    enter('feed', 'wait');
    await clock.advance(9_999);
    expect(entered).toEqual([]);
    await clock.advance(1);
    expect(entered).toEqual(['feed']);
  });

  it('keeps a client no longer than five seconds', async () => {
    for (const label of ['a', 'b']) enter(label, 'wait');
    enter('client', 'fail');
    await clock.advance(4_999);
    expect(refused.size).toBe(0);
    await clock.advance(1);
    expect(refused.get('client')).toMatchObject({ code: 'RATE_LIMITED' });
    leave();
    await clock.advance(0);
    expect(entered).toEqual(['a', 'b']);
  });

  it('lets go of who gives up, and does not give the place to the one that left', async () => {
    for (const label of ['a', 'b']) enter(label, 'wait');
    const leaving = new AbortController();
    enter('leaving', 'wait', { signal: leaving.signal });
    enter('next', 'wait');
    await clock.advance(0);
    leaving.abort('no longer needed');
    leave();
    await clock.advance(0);
    expect(refused.get('leaving')).toBe('no longer needed');
    expect(entered).toEqual(['a', 'b', 'next']);
    leave();
    enter('last', 'wait');
    await clock.advance(0);
    expect(entered).toEqual(['a', 'b', 'next', 'last']);
  });

  it('wakes who stood behind one that gave up waiting for weight', async () => {
    enter('first', 'wait', { weight: 60 });
    await clock.advance(0);
    leave(60);
    const leaving = new AbortController();
    enter('heavy', 'wait', { weight: 50, signal: leaving.signal });
    enter('light', 'wait');
    await clock.advance(10);
    expect(entered).toEqual(['first']);
    leaving.abort();
    await clock.advance(0);
    expect(entered).toEqual(['first', 'light']);
  });

  it('makes each pause that follows another longer, until the venue has answered', () => {
    const first = queue.pause(0);
    for (let count = 0; count < 10; count += 1) queue.pause(0);
    expect(first).toBeLessThanOrEqual(1_000);
    expect(queue.pause(0)).toBeGreaterThan(10_000);
    queue.answered();
    expect(queue.pause(0)).toBeLessThanOrEqual(1_000);
  });

  it('reports each who is refused of its own broker', async () => {
    enter('first', 'fail', { name: 'binance', weight: 50 });
    enter('too many', 'fail', { name: 'binance', weight: 50 });
    queue.pause(1_000);
    enter('another', 'fail', { name: 'binance-us' });
    await clock.advance(0);
    expect(refused.get('too many')).toMatchObject({
      message: 'Broker binance has used up its requests for the moment.',
    });
    expect(refused.get('another')).toMatchObject({ message: 'The venue asked broker binance-us to pause.' });
  });

  it('has no timer when those who waited have left', async () => {
    queue.pause(1_000);
    const leaving = new AbortController();
    for (const label of ['a', 'b']) enter(label, 'wait', { signal: leaving.signal });
    await clock.advance(0);
    expect(clock.pending).toBe(1);
    leaving.abort('closing');
    await clock.advance(0);
    expect([...refused.values()]).toEqual(['closing', 'closing']);
    expect(clock.pending).toBe(0);
  });
});

describe('among those who ask', () => {
  /** Lets one after the other go, until nobody waits. */
  async function drain(): Promise<void> {
    for (let count = 0; count < 20; count += 1) {
      await clock.advance(0);
      if (passes.length === 0) return;
      passes.shift();
      leave();
    }
  }

  beforeEach(() => {
    queue = new RequestQueue({ clock, random: seededRandom(1), concurrency: 1, weightPerMinute: 1_000, bound: 20 });
  });

  it('owners take turns, and within an owner its connections, whatever each wants', async () => {
    const [a, b] = [{ owner: 'one' }, { owner: 'one' }];
    const other = { owner: 'other' };
    for (const label of ['a1', 'a2', 'a3', 'a4']) enter(label, 'fail', { asker: a });
    for (const label of ['b1', 'b2']) enter(label, 'fail', { asker: b });
    for (const label of ['o1', 'o2', 'o3']) enter(label, 'fail', { asker: other });
    await drain();
    expect(entered).toEqual(['a1', 'o1', 'b1', 'o2', 'a2', 'o3', 'b2', 'a3', 'a4']);
  });

  it('what is nobody’s in particular goes first', async () => {
    enter('running', 'wait');
    enter('a client’s', 'wait', { asker: { owner: 'one' } });
    enter('for everybody', 'wait');
    await drain();
    expect(entered).toEqual(['running', 'for everybody', 'a client’s']);
  });

  it('what one connection wants waits for itself, while others are served', async () => {
    const greedy = { owner: 'one' };
    // Of the 800 that may be used it may use half, and its owner three quarters.
    for (const label of ['1', '2', '3']) enter(`greedy ${label}`, 'wait', { asker: greedy, weight: 200 });
    await drain();
    expect(entered).toEqual(['greedy 1', 'greedy 2']);
    enter('same owner', 'wait', { asker: { owner: 'one' }, weight: 200 });
    enter('same owner again', 'wait', { asker: { owner: 'one' }, weight: 50 });
    enter('other', 'wait', { asker: { owner: 'other' }, weight: 200 });
    await drain();
    expect(entered.slice(2)).toEqual(['same owner', 'other']);
    await clock.advance(60_000);
    await drain();
    expect(entered.slice(4).toSorted()).toEqual(['greedy 3', 'same owner again']);
    expect(clock.pending).toBe(0);
  });

  it('a client that has used up its share hears when it has one again, and the others are served', async () => {
    const greedy = { owner: 'one' };
    for (const label of ['1', '2', '3', '4']) enter(`greedy ${label}`, 'fail', { asker: greedy, weight: 100 });
    await drain();
    enter('other', 'fail', { asker: { owner: 'other' }, weight: 100 });
    await drain();
    expect(entered).toEqual(['greedy 1', 'greedy 2', 'greedy 3', 'other']);
    expect(refused.size).toBe(0);
    await clock.advance(5_000);
    expect(refused.get('greedy 4')).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 55_000 } });
  });

  it('who joins those that a request is for gives it a turn of its own', async () => {
    const [first, second] = [{ owner: 'one' }, { owner: 'other' }];
    const askers: Asker[] = [first];
    enter('running', 'wait', { asker: first });
    enter('another', 'wait', { asker: first });
    const shared = { name: 'venue', weight: 1, patience: 'wait', askers: () => askers } as const;
    const admitted = queue.enter(shared, new AbortController().signal);
    void admitted.then((pass) => passes.push(pass) && entered.push('shared'));
    askers.push(second);
    await drain();
    expect(entered).toEqual(['running', 'shared', 'another']);
  });
});

describe('what the venue says to several requests at a time', () => {
  it('is one pause, not one after the other', async () => {
    enter('a', 'wait');
    enter('b', 'wait');
    await clock.advance(0);
    expect(queue.pause(10_000, passes[0])).toBeGreaterThanOrEqual(10_000);
    for (let count = 0; count < 10; count += 1) queue.pause(0, passes[1]);
    leave();
    leave();
    await clock.advance(10_000 + 1_000);
    enter('after', 'wait');
    await clock.advance(0);
    expect(entered).toEqual(['a', 'b', 'after']);
    // Of a request that was sent after the pause it is a new one.
    expect(queue.pause(0, passes[2])).toBeLessThanOrEqual(2_000);
    expect(queue.pausedUntilMs).not.toBeNull();
  });
});

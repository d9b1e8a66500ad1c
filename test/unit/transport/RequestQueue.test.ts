import { beforeEach, describe, expect, it } from 'vitest';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { Patience } from '../../../src/transport/RequestQueue.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { FakeClock } from '../../support/FakeClock.ts';

let clock: FakeClock;
let queue: RequestQueue;
let entered: string[];
let refused: Map<string, unknown>;

beforeEach(() => {
  clock = new FakeClock();
  queue = new RequestQueue({ clock, random: seededRandom(1), concurrency: 2, weightPerMinute: 100, bound: 3 });
  entered = [];
  refused = new Map();
});

function enter(
  label: string,
  patience: Patience,
  options: { name?: string; weight?: number; signal?: AbortSignal } = {},
): void {
  const { name = 'venue', weight = 1, signal = new AbortController().signal } = options;
  queue.enter({ name, weight, patience }, signal).then(
    () => entered.push(label),
    (reason: unknown) => refused.set(label, reason),
  );
}

function leave(weight = 1, used: number | null = null): void {
  queue.leave({ weight, patience: 'wait' }, used);
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

  it('tells each who is refused of its own broker', async () => {
    enter('first', 'fail', { name: 'binance', weight: 50 });
    enter('too many', 'fail', { name: 'binance', weight: 50 });
    queue.pause(1_000);
    enter('another', 'fail', { name: 'binance-us' });
    await clock.advance(0);
    expect(refused.get('too many')).toMatchObject({
      message: 'Broker binance has used up its requests for the moment.',
    });
    expect(refused.get('another')).toMatchObject({ message: 'The venue told broker binance-us to pause.' });
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

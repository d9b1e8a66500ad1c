import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../../src/shared/FairTurns.ts';
import type { Asker } from '../../../src/shared/FairQueue.ts';
import { FakeClock } from '../../support/FakeClock.ts';

/** Time in which work is said to take a while: it passes only when somebody works. */
class WorkClock extends FakeClock {
  #workedMs = 0;

  work(ms: number): void {
    this.#workedMs += ms;
  }

  override monotonic(): number {
    return super.monotonic() + this.#workedMs;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const clock = new WorkClock();
  const turns = new FairTurns(clock);
  const done: string[] = [];
  /** Waits for its turn, and then works for this long. */
  const worker = async (name: string, asker: Asker, ms: number): Promise<void> => {
    await turns.turn(asker);
    clock.work(ms);
    done.push(name);
  };
  return { clock, turns, done, worker };
}

describe('FairTurns', () => {
  it('gives a turn at once if little time was used', async () => {
    const { done, worker } = setUp();
    void worker('a', { owner: 'me' }, 1);
    await settled();
    expect(done).toEqual(['a']);
  });

  it('lets everything else run once a few milliseconds are used, and then continues', async () => {
    const { clock, done, worker } = setUp();
    for (const name of ['a', 'b', 'c', 'd']) void worker(name, { owner: name }, 3);
    await settled();
    expect(done).toEqual(['a', 'b']);
    await clock.advance(0);
    await settled();
    expect(done).toEqual(['a', 'b', 'c', 'd']);
  });

  it('counts promise reactions until they wait for something as part of the turn', async () => {
    const { clock, turns, done, worker } = setUp();
    const long = async (): Promise<void> => {
      await turns.turn({ owner: 'long' });
      for (let step = 0; step < 5; step += 1) await Promise.resolve();
      clock.work(10);
      done.push('long');
    };
    void long();
    void worker('next', { owner: 'next' }, 1);
    await settled();
    expect(done).toEqual(['long']);
    await clock.advance(0);
    await settled();
    expect(done).toEqual(['long', 'next']);
  });

  it('delays only the client that asks for much', async () => {
    const { clock, done, worker } = setUp();
    const greedy = { owner: 'greedy' };
    for (let n = 0; n < 10; n += 1) void worker(`greedy ${n}`, greedy, 5);
    void worker('modest', { owner: 'modest' }, 1);
    for (let turn = 0; turn < 4; turn += 1) {
      await settled();
      await clock.advance(0);
    }
    expect(done.indexOf('modest')).toBeGreaterThan(0);
    expect(done.indexOf('modest')).toBeLessThanOrEqual(2);
  });

  it('gives no turn after disposal, and leaves no timer', async () => {
    const { clock, turns, done, worker } = setUp();
    for (const name of ['a', 'b', 'c']) void worker(name, { owner: name }, 5);
    await settled();
    turns[Symbol.dispose]();
    await clock.advance(10);
    await settled();
    expect(done).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });
});

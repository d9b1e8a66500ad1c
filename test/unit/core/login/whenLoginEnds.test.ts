import { describe, expect, it } from 'vitest';
import { whenLoginEnds } from '../../../../src/core/login/whenLoginEnds.ts';
import { ANONYMOUS } from '../../../../src/core/Principal.ts';
import type { Principal } from '../../../../src/core/Principal.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

const DAY = 86_400_000;

class Watch {
  readonly clock = new FakeClock();
  ends = 0;

  start(principal: Principal): Disposable {
    return whenLoginEnds(principal, this.clock, () => {
      this.ends += 1;
    });
  }

  startFor(lifeMs: number): Disposable {
    const expiresAtMs = this.clock.now() + lifeMs;
    return this.start({ kind: 'jwt', issuer: null, subject: 'alice', roles: [], expiresAtMs });
  }
}

describe('the end of a login', () => {
  it('is told once, when the login says that it ends', async () => {
    const watch = new Watch();
    watch.startFor(100_000);
    await watch.clock.advance(99_999);
    expect(watch.ends).toBe(0);
    await watch.clock.advance(1);
    expect(watch.ends).toBe(1);
    expect(watch.clock.pending).toBe(0);
  });

  it('is not told early because it is further away than a timer can wait', async () => {
    const watch = new Watch();
    watch.startFor(30 * DAY);
    await watch.clock.advance(DAY);
    expect(watch.ends).toBe(0);
  });

  it('follows the wall clock within a minute when that is set', async () => {
    const watch = new Watch();
    watch.startFor(DAY);
    watch.clock.jumpWall(2 * DAY);
    await watch.clock.advance(60_000);
    expect(watch.ends).toBe(1);
  });

  it('of one that was let in by the tolerance for clocks comes with the end of that', async () => {
    const watch = new Watch();
    watch.startFor(-10_000);
    await watch.clock.advance(19_999);
    expect(watch.ends).toBe(0);
    await watch.clock.advance(1);
    expect(watch.ends).toBe(1);
  });

  it('is told for one that had ended already', async () => {
    const watch = new Watch();
    watch.startFor(-DAY);
    await watch.clock.advance(0);
    expect(watch.ends).toBe(1);
  });

  it('is not told to who has given up, nor of logins that don’t end, and leaves no timer', async () => {
    const watch = new Watch();
    const waiting = watch.startFor(DAY);
    await watch.clock.advance(120_000);
    waiting[Symbol.dispose]();
    watch.start(ANONYMOUS);
    watch.start({ kind: 'apiKey', id: 'first', roles: [] });
    expect(watch.clock.pending).toBe(0);
    await watch.clock.advance(2 * DAY);
    expect(watch.ends).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { LoginExpiry } from '../../../../src/core/login/LoginExpiry.ts';
import { ANONYMOUS } from '../../../../src/core/client.ts';
import type { Principal } from '../../../../src/core/client.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

const DAY = 86_400_000;

class Watch {
  readonly clock = new FakeClock();
  /** How long before the reported end each notice came. */
  readonly notices: number[] = [];
  ends = 0;

  start(principal: Principal): LoginExpiry {
    return new LoginExpiry({
      principal,
      clock: this.clock,
      onNotice: (endsAtMs) => {
        this.notices.push(endsAtMs - this.clock.now());
      },
      onEnd: () => {
        this.ends += 1;
      },
    });
  }

  startFor(lifeMs: number): LoginExpiry {
    return this.start(this.loginFor(lifeMs));
  }

  loginFor(lifeMs: number): Principal {
    return { kind: 'jwt', issuer: null, subject: 'alice', roles: [], expiresAtMs: this.clock.now() + lifeMs };
  }
}

describe('the end of a login', () => {
  it('is reported once, at the expiry of the login', async () => {
    const watch = new Watch();
    watch.startFor(100_000);
    await watch.clock.advance(99_999);
    expect(watch.ends).toBe(0);
    await watch.clock.advance(1);
    expect(watch.ends).toBe(1);
    expect(watch.clock.pending).toBe(0);
  });

  it('is not reported early if it is further away than a timer can wait', async () => {
    const watch = new Watch();
    watch.startFor(30 * DAY);
    await watch.clock.advance(DAY);
    expect(watch.ends).toBe(0);
  });

  it('follows the wall clock within a minute if that is set', async () => {
    const watch = new Watch();
    watch.startFor(DAY);
    watch.clock.jumpWall(2 * DAY);
    await watch.clock.advance(60_000);
    expect(watch.ends).toBe(1);
  });

  it('comes with the end of the clock tolerance if the login was accepted thanks to it', async () => {
    const watch = new Watch();
    watch.startFor(-10_000);
    await watch.clock.advance(19_999);
    expect(watch.ends).toBe(0);
    await watch.clock.advance(1);
    expect(watch.ends).toBe(1);
  });

  it('is reported for a login that had ended already', async () => {
    const watch = new Watch();
    watch.startFor(-DAY);
    await watch.clock.advance(0);
    expect(watch.ends).toBe(1);
  });

  it('is not reported after disposal or for logins without an expiry, and leaves no timer', async () => {
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

describe('the notice before the end of a login', () => {
  it.each([
    ['a minute before', 600_000, 60_000],
    ['half-way where less than two minutes are left', 20_000, 10_000],
    ['half-way to the end of the tolerance for one that was let in by that', -10_000, 10_000],
  ])('comes once, %s', async (_when, lifeMs, beforeMs) => {
    const watch = new Watch();
    watch.startFor(lifeMs);
    await watch.clock.advance(1_000_000);
    expect(watch.notices).toEqual([beforeMs]);
    expect(watch.ends).toBe(1);
  });

  it('does not come for a login that had ended already', async () => {
    const watch = new Watch();
    watch.startFor(-DAY);
    await watch.clock.advance(DAY);
    expect(watch.notices).toEqual([]);
  });
});

describe('a login that is renewed', () => {
  it('has only the notice and the end of the new login', async () => {
    const watch = new Watch();
    const term = watch.startFor(600_000);
    await watch.clock.advance(500_000);
    term.renew(watch.loginFor(600_000));
    await watch.clock.advance(539_999);
    expect([watch.notices, watch.ends]).toEqual([[], 0]);
    await watch.clock.advance(60_001);
    expect([watch.notices, watch.ends]).toEqual([[60_000], 1]);
    expect(watch.clock.pending).toBe(0);
  });

  it('has neither if its client has left meanwhile', () => {
    const watch = new Watch();
    const term = watch.startFor(600_000);
    term[Symbol.dispose]();
    term.renew(watch.loginFor(600_000));
    expect(watch.clock.pending).toBe(0);
  });
});

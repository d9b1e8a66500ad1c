import { beforeEach, describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../../src/core/client.ts';
import { Sessions } from '../../../src/core/Sessions.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const IDLE_MS = 60_000;

let clock: FakeClock;
let sessions: Sessions;
/** The scopes whose credentials are held. */
let open: Set<string>;

beforeEach(() => {
  clock = new FakeClock();
  sessions = new Sessions({ clock, idleTimeoutMs: IDLE_MS });
  open = new Set();
});

/** Authenticates, leaves with the session still resumable, and returns its token. */
function visit(owner: string, scope: string): string {
  using use = sessions.begin(ANONYMOUS, { owner });
  open.add(scope);
  const hold = { [Symbol.dispose]: () => void open.delete(scope) };
  sessions.hold(use.session, 'oanda', { scope, hold });
  return use.session.token;
}

describe('Sessions', () => {
  it('keep few idle sessions for one owner: the longest idle one goes first, and its credentials are released', () => {
    const tokens = Array.from({ length: 100 }, (_, n) => visit('one', `s${n}`));
    expect([sessions.size, open.size]).toEqual([64, 64]);
    expect(open.has('s35')).toBe(false);
    expect(open.has('s36')).toBe(true);
    expect(() => sessions.resume(tokens[35] ?? '', ANONYMOUS)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    );
    using resumed = sessions.resume(tokens[36] ?? '', ANONYMOUS);
    expect(resumed.session.scopeOf('oanda')).toBe('s36');
  });

  it('never end a session because of what another owner does', () => {
    const token = visit('quiet', 'mine');
    for (let n = 0; n < 1_000; n += 1) visit('loud', `s${n}`);
    using resumed = sessions.resume(token, ANONYMOUS);
    expect(resumed.session.scopeOf('oanda')).toBe('mine');
  });

  it('never end a session that is in use, and count one that is used again as the newest', () => {
    const first = visit('one', 'first');
    const second = visit('one', 'second');
    sessions.resume(first, ANONYMOUS)[Symbol.dispose]();
    using _used = sessions.resume(second, ANONYMOUS);
    for (let n = 0; n < 63; n += 1) visit('one', `s${n}`);
    expect([open.has('first'), open.has('second')]).toEqual([true, true]);
    visit('one', 'one more');
    expect([open.has('first'), open.has('second')]).toEqual([false, true]);
  });

  it('make room for a new session by ending the one that has been idle longest, if there are as many as allowed', () => {
    const uses = Array.from({ length: 19_999 }, (_, n) => {
      const use = sessions.begin(ANONYMOUS, { owner: `o${n}` });
      sessions.hold(use.session, 'oanda', { scope: `s${n}`, hold: { [Symbol.dispose]: () => undefined } });
      return use;
    });
    visit('idle', 'idle');
    visit('next', 'next');
    expect([sessions.size, open.has('idle'), open.has('next')]).toEqual([20_000, false, true]);
    for (const use of uses) use[Symbol.dispose]();
    sessions[Symbol.dispose]();
    expect([sessions.size, clock.pending]).toEqual([0, 0]);
  });

  it('leave no timer once the idle ones have ended', async () => {
    for (let n = 0; n < 70; n += 1) visit('one', `s${n}`);
    await clock.advance(IDLE_MS);
    expect([sessions.size, open.size, clock.pending]).toEqual([0, 0, 0]);
  });
});

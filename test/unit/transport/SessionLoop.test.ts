import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/shared/logger.ts';
import { SessionLoop } from '../../../src/transport/SessionLoop.ts';
import type { VenueSession, SessionEnd, SessionState } from '../../../src/transport/SessionLoop.ts';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { FakeClock } from '../../support/FakeClock.ts';

interface Opened {
  readonly session: VenueSession;
  end(reason?: string, retryAfterMs?: number): void;
  fail(error: Error): void;
}

function startLoop({ attempts = 100, random = 0.5 } = {}) {
  const clock = new FakeClock();
  const opened: Opened[] = [];
  const states: SessionState[] = [];
  const loop = new SessionLoop({
    clock,
    random: () => random,
    logger: silentLogger(),
    reconnect: { baseMs: 1_000, maxMs: 8_000 },
    attempts: new SlidingWindow({ limit: attempts, windowMs: 300_000, clock }),
    run: (session) => {
      const { promise, resolve, reject } = Promise.withResolvers<SessionEnd>();
      session.signal.addEventListener('abort', () => {
        resolve({ reason: 'closed', retryAfterMs: 0 });
      });
      opened.push({
        session,
        end: (reason = 'lost', retryAfterMs = 0) => {
          resolve({ reason, retryAfterMs });
        },
        fail: reject,
      });
      return promise;
    },
    onState: (state) => void states.push(state),
  });
  loop.start();
  return { clock, loop, opened, states };
}

describe('SessionLoop', () => {
  it('opens the next session after each end, later each time, and counts the attempts', async () => {
    const { clock, opened, states } = startLoop();
    await clock.advance(0);
    for (let count = 0; count < 4; count += 1) {
      opened.at(-1)?.end();
      await clock.advance(8_000);
    }
    expect(opened).toHaveLength(5);
    const attempts = states.flatMap((state) => (state.kind === 'connecting' ? [state.attempt] : []));
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    const delays = states.flatMap((state) => (state.kind === 'waiting' ? [state.delayMs] : []));
    expect(delays).toEqual([550, 1_100, 2_200, 4_400]);
  });

  it('never waits longer than the maximum', async () => {
    const { clock, opened, states } = startLoop({ random: 0.999 });
    for (let count = 0; count < 10; count += 1) {
      await clock.advance(8_000);
      opened.at(-1)?.end();
    }
    await clock.advance(0);
    for (const state of states) if (state.kind === 'waiting') expect(state.delayMs).toBeLessThanOrEqual(8_000);
  });

  it('begins from the base again only after data has flowed', async () => {
    const { clock, opened, states } = startLoop();
    for (let count = 0; count < 3; count += 1) {
      await clock.advance(8_000);
      opened.at(-1)?.end();
    }
    await clock.advance(8_000);
    opened.at(-1)?.session.flowing();
    opened.at(-1)?.end();
    await clock.advance(0);
    expect(states.at(-1)).toMatchObject({ kind: 'waiting', delayMs: 550 });
  });

  it('obeys what the other side asked to wait', async () => {
    const { clock, opened } = startLoop();
    await clock.advance(0);
    opened[0]?.end('busy', 60_000);
    await clock.advance(59_999);
    expect(opened).toHaveLength(1);
    await clock.advance(1);
    expect(opened).toHaveLength(2);
  });

  it('opens no more often than the place allows', async () => {
    const { clock, opened, states } = startLoop({ attempts: 3 });
    for (let count = 0; count < 5; count += 1) {
      await clock.advance(8_000);
      opened.at(-1)?.end();
    }
    expect(opened).toHaveLength(3);
    expect(states.at(-1)).toMatchObject({ kind: 'waiting', reason: expect.stringContaining('Too many') });
    await clock.advance(300_000);
    expect(opened.length).toBeGreaterThan(3);
  });

  it('takes what a session throws for its end', async () => {
    const { clock, opened, states } = startLoop();
    await clock.advance(0);
    opened[0]?.fail(new Error('secret detail'));
    await clock.advance(8_000);
    expect(opened).toHaveLength(2);
    expect(JSON.stringify(states)).not.toContain('secret detail');
  });

  it('closes in the midst of a session: it is reported, and no other follows', async () => {
    const { clock, loop, opened, states } = startLoop();
    await clock.advance(0);
    const closed = loop.close();
    expect(opened[0]?.session.signal.aborted).toBe(true);
    await closed;
    await clock.advance(60_000);
    expect(opened).toHaveLength(1);
    expect(states.at(-1)).toEqual({ kind: 'closed' });
    expect(clock.pending).toBe(0);
  });

  it('closes in the midst of a wait, without a timer left, as often as one likes', async () => {
    const { clock, loop, opened } = startLoop();
    await clock.advance(0);
    opened[0]?.end();
    await clock.advance(1);
    await Promise.all([loop.close(), loop.close()]);
    expect(clock.pending).toBe(0);
  });
});

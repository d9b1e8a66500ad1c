import { describe, expect, it } from 'vitest';
import { MessageGuard } from '../../../src/raw/MessageGuard.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { LIMITS } from '../../support/limits.ts';

function guardWith(messagesPerSecond: number, invalidMessagesPerMinute = 3) {
  const clock = new FakeClock();
  const limits = { ...LIMITS, messagesPerSecond, invalidMessagesPerMinute };
  return { clock, limits, guard: new MessageGuard({ clock, limits }) };
}

function admitted(guard: MessageGuard, messages: number): number {
  return Array.from({ length: messages }, () => guard.admit()).filter((refusal) => refusal === null).length;
}

describe('the rate of messages', () => {
  it('allows a burst of twice the rate, and then the rate', async () => {
    const { clock, guard } = guardWith(20);
    expect(admitted(guard, 100)).toBe(40);
    await clock.advance(1_000);
    expect(admitted(guard, 100)).toBe(20);
    await clock.advance(60_000);
    expect(admitted(guard, 100)).toBe(40);
  });

  it('tells who is refused when to come back, and serves who does', async () => {
    const { clock, guard } = guardWith(4);
    admitted(guard, 8);
    const refusal = guard.admit();
    expect(refusal?.error.code).toBe('RATE_LIMITED');
    expect(refusal?.error.details.retryAfterMs).toBe(250);
    await clock.advance(250);
    expect(guard.admit()).toBeNull();
  });

  it('forgives as many refusals as it allows messages, and calls the rest abuse', () => {
    const { guard } = guardWith(5);
    admitted(guard, 10);
    const refusals = Array.from({ length: 12 }, () => guard.admit()?.abuse);
    expect(refusals.filter((abuse) => abuse === false)).toHaveLength(10);
    expect(refusals.slice(10)).toEqual([true, true]);
  });

  it('follows a limit that changes while the client is connected', () => {
    const { guard, limits } = guardWith(1);
    expect(admitted(guard, 10)).toBe(2);
    limits.messagesPerSecond = 0.001;
    expect(guard.admit()?.error.details.retryAfterMs).toBeGreaterThan(100_000);
  });
});

describe('bad messages', () => {
  it('are borne up to the limit within any minute, and the one above it is too many', async () => {
    const { clock, guard } = guardWith(20, 3);
    expect([guard.countBad(), guard.countBad(), guard.countBad()]).toEqual([true, true, true]);
    await clock.advance(59_999);
    expect(guard.countBad()).toBe(false);
  });

  it('are forgotten after a minute', async () => {
    const { clock, guard } = guardWith(20, 3);
    for (let count = 0; count < 3; count += 1) guard.countBad();
    await clock.advance(60_000);
    expect(guard.countBad()).toBe(true);
  });
});

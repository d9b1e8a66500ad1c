import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/shared/clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const DAY_MS = 86_400_000;

it.each([1, 10_000, 2 ** 31 - 1, 2 ** 31, 100 * DAY_MS])('a timer of %i ms fires then, and once', (delayMs) => {
  const task = vi.fn();
  using _timer = systemClock.after(delayMs, task);
  vi.advanceTimersByTime(delayMs - 1);
  expect(task).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(task).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(100 * DAY_MS);
  expect(task).toHaveBeenCalledOnce();
});

it('a long timer that is disposed of late leaves nothing behind', () => {
  const task = vi.fn();
  const timer = systemClock.after(100 * DAY_MS, task);
  vi.advanceTimersByTime(60 * DAY_MS);
  timer[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(task).not.toHaveBeenCalled();
});

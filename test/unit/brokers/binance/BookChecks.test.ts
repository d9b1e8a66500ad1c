import { describe, expect, it } from 'vitest';
import { BookChecks } from '../../../../src/brokers/binance/BookChecks.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

function start(count: number) {
  const clock = new FakeClock();
  const state = { isPaused: false, random: 0.5, running: 0, most: 0, tookMs: 0 };
  const checked: { readonly name: string; readonly atMs: number }[] = [];
  const checks = new BookChecks({ clock, random: () => state.random, isPaused: () => state.isPaused });
  const books = Array.from({ length: count }, (_, at) => ({
    check: async () => {
      checked.push({ name: `book ${at}`, atMs: clock.monotonic() });
      state.running += 1;
      state.most = Math.max(state.most, state.running);
      await new Promise<void>((resolve) => clock.after(state.tookMs, resolve));
      state.running -= 1;
    },
  }));
  checks.want(new Set(books));
  return { clock, state, checked, checks, books };
}

describe('the comparisons of books', () => {
  it('come to each book about once a minute, in turn', async () => {
    const { clock, checked } = start(3);
    await clock.advance(180_000);
    expect(checked.map(({ name }) => name)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2].map((at) => `book ${at}`));
  });

  it('come at a time that depends on chance', async () => {
    const { clock, state, checked } = start(1);
    await clock.advance(60_000);
    state.random = 0;
    await clock.advance(90_000);
    expect(checked.map(({ atMs }) => atMs)).toEqual([60_000, 120_000, 150_000]);
  });

  it('are one at a time, and at least two seconds apart, however many books there are', async () => {
    const { clock, state, checked } = start(500);
    state.tookMs = 5_000;
    await clock.advance(70_000);
    expect(checked).toHaveLength(10);
    expect(state.most).toBe(1);
  });

  it('are left out while the venue wants no requests', async () => {
    const { clock, state, checked } = start(1);
    state.isPaused = true;
    await clock.advance(600_000);
    expect(checked).toEqual([]);
    state.isPaused = false;
    await clock.advance(60_000);
    expect(checked).toHaveLength(1);
  });

  it('are only of books that are wanted, and leave no timer without any', async () => {
    const { clock, checks, checked, books } = start(3);
    checks.want(new Set(books.slice(2)));
    await clock.advance(120_000);
    expect(new Set(checked.map(({ name }) => name))).toEqual(new Set(['book 2']));
    checks.want(new Set());
    expect(clock.pending).toBe(0);
  });
});

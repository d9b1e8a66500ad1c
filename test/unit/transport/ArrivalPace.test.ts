import { describe, expect, it } from 'vitest';
import { ArrivalPace } from '../../../src/transport/ArrivalPace.ts';

describe('ArrivalPace', () => {
  it('knows no pace before enough has arrived', () => {
    const pace = new ArrivalPace();
    for (let count = 0; count < 4; count += 1) pace.sample(1, 1_000);
    expect(pace.meanGapMs).toBe(Number.POSITIVE_INFINITY);
    pace.sample(3, 1_000);
    expect(pace.meanGapMs).toBeLessThan(1_000);
  });

  it('does not take a silence that lasts for the normal pace', () => {
    const pace = new ArrivalPace();
    for (let count = 0; count < 20; count += 1) pace.sample(10, 1_000);
    const before = pace.meanGapMs;
    for (let count = 0; count < 30; count += 1) pace.sample(0, 1_000);
    expect(pace.meanGapMs).toBe(before);
    expect(before).toBeCloseTo(100);
    expect(pace.silentMs).toBe(30_000);
  });

  it('learns from a silence once it is over', () => {
    const pace = new ArrivalPace();
    for (let count = 0; count < 20; count += 1) pace.sample(10, 1_000);
    const before = pace.meanGapMs;
    pace.sample(0, 60_000);
    pace.sample(1, 1_000);
    expect(pace.meanGapMs).toBeGreaterThan(before * 2);
    expect(pace.silentMs).toBe(0);
  });

  it('begins the silence anew when it is forgiven, and keeps the pace', () => {
    const pace = new ArrivalPace();
    for (let count = 0; count < 20; count += 1) pace.sample(10, 1_000);
    pace.sample(0, 5_000);
    pace.forgive();
    expect(pace.silentMs).toBe(0);
    expect(pace.meanGapMs).toBeCloseTo(100);
  });
});

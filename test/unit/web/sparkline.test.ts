import { describe, expect, it } from 'vitest';
import { linePoints, sample } from '../../../web/data/sparkline.ts';
import type { Samples } from '../../../web/data/sparkline.ts';

describe('a sparkline', () => {
  it('has a point for each second, the last of it, and a bound', () => {
    let samples: Samples = [];
    for (let ms = 0; ms < 120_000; ms += 250) samples = sample(samples, String(ms), ms);
    expect(samples).toHaveLength(60);
    expect(samples.at(-1)).toEqual({ atMs: 119_000, value: 119_750 });
  });

  it('fits its box, also where nothing moves', () => {
    const samples = [1, 3, 2].map((value, i) => ({ atMs: i * 1_000, value }));
    expect(linePoints(samples, 59, 10)).toBe('0.0,10.0 1.0,0.0 2.0,5.0');
    expect(linePoints([{ atMs: 0, value: 7 }], 59, 10)).toBe('0.0,5.0');
    expect(linePoints([], 59, 10)).toBe('');
  });
});

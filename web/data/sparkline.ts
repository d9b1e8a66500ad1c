import type { Decimal } from '../../client/index.ts';

/** Prices once a second, oldest first: approximations, for drawing only. */
export type Samples = readonly { readonly atMs: number; readonly value: number }[];

const EVERY_MS = 1_000;
const MOST = 60;

/** Adds a price. Within the same second it replaces the one before. */
export function sample(samples: Samples, price: Decimal, atMs: number): Samples {
  const last = samples.at(-1);
  const next = { atMs, value: Number(price) };
  if (last !== undefined && atMs - last.atMs < EVERY_MS) {
    return [...samples.slice(0, -1), { ...next, atMs: last.atMs }];
  }
  return [...samples, next].slice(-MOST);
}

/** The points of a line in a box of this width and height. */
export function linePoints(samples: Samples, width: number, height: number): string {
  const values = samples.map(({ value }) => value);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const range = highest - lowest;
  return values
    .map((value, i) => {
      const x = (i / (MOST - 1)) * width;
      const y = range === 0 ? height / 2 : height - ((value - lowest) / range) * height;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}

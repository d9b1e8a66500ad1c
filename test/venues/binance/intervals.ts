/** Case matters: `1m` is a minute, `1M` a month. */
export const INTERVALS = [
  '1s',
  '1m',
  '3m',
  '5m',
  '15m',
  '30m',
  '1h',
  '2h',
  '4h',
  '6h',
  '8h',
  '12h',
  '1d',
  '3d',
  '1w',
  '1M',
] as const;
export type Interval = (typeof INTERVALS)[number];

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LENGTH_MS: Readonly<Record<Exclude<Interval, '1M'>, number>> = {
  '1s': SECOND,
  '1m': MINUTE,
  '3m': 3 * MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '2h': 2 * HOUR,
  '4h': 4 * HOUR,
  '6h': 6 * HOUR,
  '8h': 8 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
  '3d': 3 * DAY,
  '1w': 7 * DAY,
};
/** The epoch was a Thursday; weeks begin on Monday. */
const FIRST_MONDAY = 4 * DAY;

export function isInterval(text: string): text is Interval {
  return (INTERVALS as readonly string[]).includes(text);
}

/** The open time of the bar that `timeMs` lies in, in UTC. */
export function openOf(interval: Interval, timeMs: number): number {
  if (interval === '1M') return monthOf(timeMs, 0);
  const length = LENGTH_MS[interval];
  const offset = interval === '1w' ? FIRST_MONDAY : 0;
  return Math.floor((timeMs - offset) / length) * length + offset;
}

/** The open time of the bar after the one that opens at `openMs`. */
export function nextOpen(interval: Interval, openMs: number): number {
  return interval === '1M' ? monthOf(openMs, 1) : openMs + LENGTH_MS[interval];
}

export function previousOpen(interval: Interval, openMs: number): number {
  return openOf(interval, openMs - 1);
}

function monthOf(timeMs: number, ahead: number): number {
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1);
}

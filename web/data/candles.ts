import type { Candle } from '../../client/index.ts';

/** So many candles are kept; older ones go. */
const MAX_CANDLES = 1_500;

/** Puts candles among those that are known: each start has one candle, the newest that came, and they are in order. */
export function mergeCandles(
  known: readonly Candle[],
  events: readonly Candle[],
  most: number = MAX_CANDLES,
): readonly Candle[] {
  if (events.length === 0) return known;
  const byStart = new Map(known.map((candle) => [candle.openTime, candle]));
  let isInOrder = true;
  let last = known.at(-1)?.openTime ?? '';
  for (const event of events) {
    if (event.openTime < last) isInOrder = false;
    else last = event.openTime;
    byStart.set(event.openTime, event);
  }
  const all = [...byStart.values()];
  // Starts of candles are whole seconds in one spelling, so their texts are in the order of time.
  const ordered = isInOrder ? all : all.toSorted((a, b) => (a.openTime < b.openTime ? -1 : 1));
  return ordered.slice(-most);
}

import type { OrderBookUpdate, PriceLevel } from '../market/marketData.ts';
import { compare } from '../market/decimal.ts';

/** One delta that does what the two do one after the other; it carries the place (time, sequence) of the later one. */
export function mergeDeltas(earlier: OrderBookUpdate, later: OrderBookUpdate): OrderBookUpdate {
  return { ...later, bids: merged(earlier.bids, later.bids, -1), asks: merged(earlier.asks, later.asks, 1) };
}

function merged(
  earlier: readonly PriceLevel[],
  later: readonly PriceLevel[],
  direction: 1 | -1,
): readonly PriceLevel[] {
  if (earlier.length === 0) return later;
  if (later.length === 0) return earlier;
  const result: PriceLevel[] = [];
  let index = 0;
  for (const level of later) {
    for (let old = earlier[index]; old !== undefined; old = earlier[index]) {
      const order = compare(old.price, level.price) * direction;
      if (order > 0) break;
      if (order < 0) result.push(old);
      index += 1;
    }
    result.push(level);
  }
  result.push(...earlier.slice(index));
  return result;
}

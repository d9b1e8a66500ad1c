import type { Decimal, PriceLevel } from '../../client/index.ts';
import { addDecimals, compareDecimals, decimalsOf, shareOf, subtractDecimals } from './decimals.ts';

/** A level of a book, with all sizes from the best price up to it. */
export interface LadderRow extends PriceLevel {
  readonly total: Decimal;
  /** The part of the deeper side's total, for the bar. */
  readonly share: number;
}

/** A book as it is drawn: the best level of each side first. */
export interface Ladder {
  readonly asks: readonly LadderRow[];
  readonly bids: readonly LadderRow[];
  /** Null while a side is empty. */
  readonly spread: Decimal | null;
  /** The most decimals of all prices, and of all sizes. */
  readonly decimals: { readonly price: number; readonly size: number };
}

interface Sides {
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

/** Adds up a book's sizes, exactly. */
export function ladderOf({ bids, asks }: Sides): Ladder {
  const totals = { asks: cumulate(asks), bids: cumulate(bids) };
  const deepest = [totals.asks.at(-1), totals.bids.at(-1)].reduce<Decimal>(
    (most, total) => (total !== undefined && compareDecimals(total, most) > 0 ? total : most),
    '0',
  );
  const rows = (levels: readonly PriceLevel[], sums: readonly Decimal[]): readonly LadderRow[] =>
    levels.map((level, i) => {
      const total = sums[i] ?? level.size;
      return { ...level, total, share: shareOf(total, deepest) };
    });
  const [bid, ask] = [bids[0], asks[0]];
  const levels = [...bids, ...asks];
  return {
    asks: rows(asks, totals.asks),
    bids: rows(bids, totals.bids),
    spread: bid && ask ? subtractDecimals(ask.price, bid.price) : null,
    decimals: {
      price: Math.max(0, ...levels.map(({ price }) => decimalsOf(price))),
      size: Math.max(0, ...levels.map(({ size }) => decimalsOf(size))),
    },
  };
}

function cumulate(levels: readonly PriceLevel[]): readonly Decimal[] {
  let total: Decimal = '0';
  return levels.map(({ size }) => {
    total = addDecimals(total, size);
    return total;
  });
}

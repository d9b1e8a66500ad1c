import { decimal } from '../../src/market/decimal.ts';
import type { PriceLevel } from '../../src/market/marketData.ts';
import { OrderBook } from '../../src/market/OrderBook.ts';
import type { BookChange } from '../../src/market/OrderBook.ts';
import { seededRandom } from '../../src/shared/random.ts';
import type { Random } from '../../src/shared/random.ts';
import { calls } from './MicroCase.ts';
import type { MicroCase } from './MicroCase.ts';

const BEST_BID = 8_300_000;
const CHANGES = 500;
/** The number of levels in each change, half of them on either side. */
const LEVELS_CHANGED = 10;
const DEPTH = 20;

/** Returns the number of steps between the best price and a change. */
type Distance = () => number;

interface Shape {
  readonly levels: number;
  readonly where: 'near the top' | 'anywhere';
}

/** Books with a constant depth: every other step has a level, and half of the changes remove one. */
export function bookCases(): MicroCase[] {
  return [100, 500, 1_000].flatMap((levels) => [
    levelCase({ levels, where: 'near the top' }),
    levelCase({ levels, where: 'anywhere' }),
    viewCase(levels),
    topCase(levels),
  ]);
}

function levelCase(shape: Shape): MicroCase {
  const { book, changes } = market(shape);
  return {
    name: `book of ${shape.levels}: a level ${shape.where}`,
    count: CHANGES * LEVELS_CHANGED,
    run: () => {
      for (const change of changes) book.apply(change);
    },
  };
}

function viewCase(levels: number): MicroCase {
  const { book, changes } = market({ levels, where: 'near the top' });
  return {
    name: `book of ${levels}: ${LEVELS_CHANGED} levels near the top, then the top ${DEPTH}`,
    count: CHANGES,
    run: () => {
      let seen: unknown;
      for (const change of changes) {
        book.apply(change);
        seen = book.top(DEPTH);
      }
      return seen;
    },
  };
}

function topCase(levels: number): MicroCase {
  const { book } = market({ levels, where: 'near the top' });
  return calls(`book of ${levels}: the top ${DEPTH}`, () => book.top(DEPTH));
}

function market({ levels, where }: Shape): { readonly book: OrderBook; readonly changes: readonly BookChange[] } {
  const random = seededRandom(levels);
  const steps = 2 * levels;
  const distance: Distance =
    where === 'anywhere'
      ? () => Math.floor(random() * steps)
      : () => Math.min(steps - 1, Math.floor(-8 * Math.log(1 - random())));
  const book = new OrderBook();
  book.apply({
    kind: 'snapshot',
    bids: Array.from({ length: levels }, (_, index) => level(BEST_BID - 2 * index, size(random))),
    asks: Array.from({ length: levels }, (_, index) => level(BEST_BID + 1 + 2 * index, size(random))),
  });
  const changes = Array.from({ length: CHANGES }, () => ({
    kind: 'delta' as const,
    bids: changed(random, () => BEST_BID - distance()),
    asks: changed(random, () => BEST_BID + 1 + distance()),
  }));
  return { book, changes };
}

function changed(random: Random, at: () => number): PriceLevel[] {
  return Array.from({ length: LEVELS_CHANGED / 2 }, () => level(at(), random() < 0.5 ? '0.00000000' : size(random)));
}

function level(cents: number, amount: string): PriceLevel {
  return { price: decimal(asParsed(`${(cents / 100).toFixed(2)}000000`)), size: decimal(asParsed(amount)) };
}

function size(random: Random): string {
  return `${(random() * 5 + 0.001).toFixed(5)}000`;
}

/** Returns text as it comes from a frame: no two of them are the same object. */
function asParsed(text: string): string {
  return String(JSON.parse(JSON.stringify(text)));
}

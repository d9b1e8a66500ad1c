import { Big } from 'big.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/market/decimal.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import type { BookChange } from '../../../src/market/OrderBook.ts';
import type { PriceLevel } from '../../../src/market/marketData.ts';
import { plainDecimal } from './arbitraries.ts';

const level = (price: string, size: string): PriceLevel => ({ price: decimal(price), size: decimal(size) });
const levels = (...pairs: [string, string][]): PriceLevel[] => pairs.map(([price, size]) => level(price, size));

function ascending(a: PriceLevel, b: PriceLevel): number {
  return new Big(a.price).cmp(b.price);
}

/** The simplest correct book: a map by value that is sorted on each call. */
class NaiveBook {
  readonly #bids = new Map<string, PriceLevel>();
  readonly #asks = new Map<string, PriceLevel>();

  apply({ kind, bids, asks }: BookChange): void {
    for (const [side, changes] of [
      [this.#bids, bids],
      [this.#asks, asks],
    ] as const) {
      if (kind === 'snapshot') side.clear();
      for (const change of changes) {
        const value = new Big(change.price).toFixed();
        if (new Big(change.size).eq(0)) side.delete(value);
        else side.set(value, change);
      }
    }
  }

  top(depth: number): { bids: PriceLevel[]; asks: PriceLevel[] } {
    return {
      bids: [...this.#bids.values()].toSorted((a, b) => ascending(b, a)).slice(0, depth),
      asks: [...this.#asks.values()].toSorted(ascending).slice(0, depth),
    };
  }
}

const size = fc.constantFrom('0', '0.00000000', '1', '0.50', '12.00000000').map((text) => decimal(text));
/** A small range of prices, so that they repeat, written with and without trailing zeros. */
const commonPrice = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.constantFrom('', '0', '000000'))
  .map(([units, zeros]) => decimal(`100.${String(units).padStart(2, '0')}${zeros}`));
/** Prices that differ only in digits that a double cannot represent. */
const finePrice = fc
  .tuple(fc.constantFrom('9007199254740993', '58840', '-3'), fc.integer({ min: 0, max: 40 }))
  .map(([whole, units]) => decimal(`${whole}.0000000000000${String(units).padStart(2, '0')}`));
const price = fc.oneof(commonPrice, commonPrice, finePrice, plainDecimal());
const change = fc.record<BookChange>({
  kind: fc.constantFrom('delta', 'delta', 'delta', 'snapshot'),
  bids: fc.array(fc.record<PriceLevel>({ price, size }), { maxLength: 12 }),
  asks: fc.array(fc.record<PriceLevel>({ price, size }), { maxLength: 12 }),
});

function sizeOf(book: OrderBook): { bids: number; asks: number } {
  const { bids, asks } = book.top(Number.POSITIVE_INFINITY);
  return { bids: bids.length, asks: asks.length };
}

/** The best bid and the best ask. */
function bestOf(book: OrderBook): [PriceLevel | undefined, PriceLevel | undefined] {
  const { bids, asks } = book.top(1);
  return [bids[0], asks[0]];
}

describe('OrderBook', () => {
  it('always equals a sorted map by value: levels, digits and order', () => {
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (changes, depth) => {
          const book = new OrderBook();
          const model = new NaiveBook();
          for (const each of changes) {
            book.apply(each);
            model.apply(each);
            expect(book.top(depth)).toEqual(model.top(depth));
            const { bids, asks } = model.top(1_000_000);
            expect(sizeOf(book)).toEqual({ bids: bids.length, asks: asks.length });
            expect(bestOf(book)).toEqual([bids[0], asks[0]]);
            const crossed = bids[0] !== undefined && asks[0] !== undefined && new Big(bids[0].price).gte(asks[0].price);
            expect(book.crossed).toBe(crossed);
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it.each([
    ['exact in a double', (index: number) => `1000.${String(index).padStart(4, '0')}`],
    ['closer than a double can tell', (index: number) => `1000.00000000000000${String(index).padStart(4, '0')}`],
    [
      'now the one, now the other',
      (index: number) => `1000.${String(index >> 1).padStart(4, '0')}${index % 2 === 0 ? '' : '00000000000000001'}`,
    ],
  ])('keeps hundreds of levels in order, of prices %s', (_, priceAt) => {
    const LEVELS = 600;
    const chunk = fc.array(fc.record({ index: fc.nat(LEVELS - 1), size: fc.constantFrom('0.0', '1', '2') }), {
      minLength: 100,
      maxLength: 400,
    });
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 12 }), (chunks) => {
        const book = new OrderBook();
        const model = new Map<number, PriceLevel>();
        for (const changes of chunks) {
          const sent = changes.map(({ index, size: text }) => ({ index, level: level(priceAt(index), text) }));
          for (const { index, level: each } of sent) {
            if (each.size === '0.0') model.delete(index);
            else model.set(index, each);
          }
          const all = sent.map(({ level: each }) => each);
          book.apply({ kind: 'delta', bids: all, asks: all });
          const asks = Array.from({ length: LEVELS }, (_unused, index) => model.get(index) ?? []).flat();
          expect(book.top(LEVELS)).toEqual({ bids: asks.toReversed(), asks });
          expect(sizeOf(book)).toEqual({ bids: asks.length, asks: asks.length });
          expect(bestOf(book)).toEqual([asks.at(-1), asks[0]]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('accepts a complete side in order, and changes in the middle of it', () => {
    const at = (cents: number): string => (cents / 100).toFixed(2);
    const book = new OrderBook();
    const asks = Array.from({ length: 500 }, (_, index) => level(at(1_000 + 2 * index), '1'));
    book.apply({ kind: 'snapshot', bids: [], asks });
    const between = Array.from({ length: 500 }, (_, index) => level(at(1_001 + 2 * index), '2'));
    book.apply({ kind: 'delta', bids: [], asks: between });
    const all = asks.flatMap((each, index) => [each, between[index] ?? []]).flat();
    expect(book.top(2_000).asks).toEqual(all);
    book.apply({ kind: 'delta', bids: [], asks: asks.map(({ price: gone }) => ({ price: gone, size: decimal('0') })) });
    expect(book.top(2_000).asks).toEqual(between);
    expect(sizeOf(book)).toEqual({ bids: 0, asks: 500 });
    for (const { price: gone } of between) {
      expect(bestOf(book)[1]?.price).toBe(gone);
      book.apply({ kind: 'delta', bids: [], asks: [{ price: gone, size: decimal('0') }] });
    }
    expect(bestOf(book)[1]).toBeUndefined();
  });

  it('a snapshot replaces everything, in whatever order its levels come', () => {
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', bids: levels(['9', '1']), asks: levels(['10', '1']) });
    book.apply({
      kind: 'snapshot',
      bids: levels(['1', '1'], ['3', '3'], ['2', '2']),
      asks: levels(['5', '5'], ['4', '4']),
    });
    expect(book.top(9)).toEqual({
      bids: levels(['3', '3'], ['2', '2'], ['1', '1']),
      asks: levels(['4', '4'], ['5', '5']),
    });
  });

  it('a price with more or fewer zeros is the same level, and keeps the digits that were sent last', () => {
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', bids: levels(['58840.6300', '1.0']), asks: [] });
    book.apply({ kind: 'delta', bids: levels(['58840.63000000', '2.500']), asks: [] });
    expect(book.top(5).bids).toEqual(levels(['58840.63000000', '2.500']));
    book.apply({ kind: 'delta', bids: levels(['58840.63', '0.00']), asks: [] });
    expect(sizeOf(book)).toEqual({ bids: 0, asks: 0 });
  });

  it('removing a level that is not there changes nothing', () => {
    const book = new OrderBook();
    book.apply({ kind: 'delta', bids: levels(['1', '0']), asks: levels(['2', '0.0']) });
    book.apply({ kind: 'snapshot', bids: levels(['1', '1']), asks: levels(['2', '1']) });
    book.apply({ kind: 'delta', bids: levels(['1.5', '0']), asks: levels(['1.5', '0']) });
    expect(sizeOf(book)).toEqual({ bids: 1, asks: 1 });
  });

  it('for a level sent twice in one event the last one counts', () => {
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', bids: levels(['1', '5'], ['1.0', '7']), asks: levels(['2', '5'], ['2', '0']) });
    expect(book.top(5)).toEqual({ bids: levels(['1.0', '7']), asks: [] });
  });

  it('is crossed when the best bid meets the best ask by value, and never with an empty side', () => {
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', bids: levels(['1', '1']), asks: [] });
    expect(book.crossed).toBe(false);
    book.apply({ kind: 'delta', bids: [], asks: levels(['1.01', '1']) });
    expect(book.crossed).toBe(false);
    book.apply({ kind: 'delta', bids: [], asks: levels(['1.00', '1']) });
    expect(book.crossed).toBe(true);
  });

  it('returns new arrays: a view taken before a change stays as it was', () => {
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', bids: levels(['2', '1'], ['1', '1']), asks: levels(['3', '1']) });
    const before = book.top(2);
    book.apply({ kind: 'delta', bids: levels(['2', '9'], ['1', '0']), asks: levels(['2.5', '1']) });
    expect(before).toEqual({ bids: levels(['2', '1'], ['1', '1']), asks: levels(['3', '1']) });
    book.apply({ kind: 'snapshot', bids: [], asks: [] });
    expect(book.top(2)).toEqual({ bids: [], asks: [] });
  });
});

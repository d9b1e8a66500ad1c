import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BookCheck } from '../../../../src/brokers/binance/BookCheck.ts';
import type { CheckVerdict, KnownDepth, NumberedChange } from '../../../../src/brokers/binance/BookCheck.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { PriceLevel } from '../../../../src/market/marketData.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';

const ALL_KNOWN: KnownDepth = { bid: null, ask: null };

const level = (price: number, size: number): PriceLevel => ({
  price: decimal(price.toFixed(2)),
  size: decimal(String(size)),
});

function bookOf(bids: readonly PriceLevel[], asks: readonly PriceLevel[] = []): OrderBook {
  const book = new OrderBook();
  book.apply({ kind: 'snapshot', bids, asks });
  return book;
}

function change(firstId: number, lastId: number, ...bids: PriceLevel[]): NumberedChange {
  return { firstId, lastId, delta: { kind: 'delta', bids, asks: [] } };
}

interface Case {
  readonly known?: KnownDepth;
  readonly levels?: number;
  readonly changes?: readonly NumberedChange[];
}

/** Compares a book with the update 10 to a snapshot that ends with `lastUpdateId`. */
function compare(ours: readonly PriceLevel[], lastUpdateId: number, theirs: readonly PriceLevel[], more: Case = {}) {
  const { known = ALL_KNOWN, levels = 100, changes = [] } = more;
  const check = new BookCheck({ book: bookOf(ours), bookId: 10, known, levels });
  for (const each of changes) check.note(each);
  return check.compare({ lastUpdateId, bids: theirs, asks: [] });
}

const different = (price: string): CheckVerdict => ({ kind: 'different', side: 'bid', price: decimal(price) });

describe('a book that is compared with a snapshot of the venue', () => {
  const ours = [level(3, 1), level(2, 1), level(1, 1)];

  it.each<[string, CheckVerdict, readonly PriceLevel[]]>([
    ['is right if it has the same levels', { kind: 'equal' }, ours],
    ['is wrong in a size', different('2.00'), [level(3, 1), level(2, 5), level(1, 1)]],
    ['is wrong if it lacks a level', different('2.50'), [level(3, 1), level(2.5, 1), level(2, 1), level(1, 1)]],
    ['is wrong if it lacks the best level', different('4.00'), [level(4, 1), ...ours]],
    ['is wrong if it has one too many', different('2.00'), [level(3, 1), level(1, 1)]],
    ['is wrong if it has one too many at the end of a whole side', different('1.00'), ours.slice(0, 2)],
    ['is wrong if the venue has no level at all', different('3.00'), []],
  ])('%s', (_name, verdict, theirs) => {
    expect(compare(ours, 10, theirs)).toEqual(verdict);
  });

  it('may have more than the snapshot reaches to', () => {
    expect(compare(ours, 10, ours.slice(0, 2), { levels: 2 })).toEqual({ kind: 'equal' });
  });

  it('has the changes up to the end of the snapshot, and none behind it', () => {
    const changes = [change(11, 12, level(2, 7)), change(13, 14, level(1, 9))];
    expect(compare(ours, 12, [level(3, 1), level(2, 7), level(1, 1)], { changes })).toEqual({ kind: 'equal' });
    expect(compare(ours, 12, ours, { changes })).toEqual(different('2.00'));
  });

  it('is not judged by what a change touched in the midst of which the snapshot was made, and by all else', () => {
    const changes = [change(11, 14, level(2, 7), level(2.5, 1))];
    for (const two of [level(2, 1), level(2, 4), level(2, 7)]) {
      expect(compare(ours, 12, [level(3, 1), two, level(1, 1)], { changes })).toEqual({ kind: 'equal' });
    }
    expect(compare(ours, 12, [level(3, 1), level(2.5, 3), level(1, 1)], { changes })).toEqual({ kind: 'equal' });
    expect(compare(ours, 12, [level(3, 2), level(2, 1), level(1, 1)], { changes })).toEqual(different('3.00'));
  });

  it('is not judged by a snapshot that is older than the book, or that its changes have not reached', () => {
    expect(compare(ours, 9, [])).toEqual({ kind: 'unknown' });
    expect(compare(ours, 11, [])).toEqual({ kind: 'unknown' });
  });

  it('is shallow, not wrong, if it lacks what lay beyond its own snapshot', () => {
    const known = { bid: decimal('2.00'), ask: null };
    const held = [level(3, 1), level(2, 1)];
    expect(compare(held, 10, ours, { known })).toEqual({ kind: 'shallow' });
    expect(compare(held, 10, [level(3, 1), level(2.5, 1), level(2, 1)], { known })).toEqual(different('2.50'));
    expect(compare(ours, 10, [level(3, 1), level(2, 1), level(1, 2)], { known })).toEqual(different('1.00'));
  });

  it('tells when its changes have reached the snapshot', () => {
    const check = new BookCheck({ book: bookOf(ours), bookId: 10, known: ALL_KNOWN, levels: 100 });
    let reached = 0;
    const reach = (): void => void (reached += 1);
    check.whenReached(10, reach);
    expect(reached).toBe(1);
    check.whenReached(13, reach);
    check.note(change(11, 12));
    expect(reached).toBe(1);
    check.note(change(13, 15));
    expect(reached).toBe(2);
  });
});

/** Updates of a venue: each sets one level of one side and takes the next id. Size 0 removes it. */
const updates = fc.array(
  fc.record({ isBid: fc.boolean(), step: fc.integer({ min: 1, max: 12 }), size: fc.integer({ min: 0, max: 3 }) }),
  { minLength: 1, maxLength: 60 },
);

/** The book after the first `count` updates, best first. */
function stateAfter(all: readonly { isBid: boolean; step: number; size: number }[], count: number) {
  const book = new OrderBook();
  for (const { isBid, step, size } of all.slice(0, count)) {
    const changed = [level(isBid ? 100 - step : 100 + step, size)];
    book.apply({ kind: 'delta', bids: isBid ? changed : [], asks: isBid ? [] : changed });
  }
  return book.top(Number.POSITIVE_INFINITY);
}

describe('of any venue, wherever its changes are cut and its snapshot is made', () => {
  const venues = fc.record({
    all: updates,
    begin: fc.nat(20),
    at: fc.nat(60),
    cuts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 60, maxLength: 60 }),
    levels: fc.integer({ min: 1, max: 15 }),
    wrong: fc.record({ isBid: fc.boolean(), step: fc.integer({ min: 1, max: 12 }) }),
  });

  function run(
    { all, begin, at, cuts, levels }: typeof venues extends fc.Arbitrary<infer T> ? T : never,
    spoil: (book: OrderBook) => void,
  ) {
    const startId = Math.min(begin, all.length);
    const snapshotId = Math.min(startId + at, all.length);
    const book = new OrderBook();
    book.apply({ kind: 'snapshot', ...stateAfter(all, startId) });
    spoil(book);
    const check = new BookCheck({ book, bookId: startId, known: ALL_KNOWN, levels });
    const touched = new Set<string>();
    for (let id = startId, cut = 0; id < all.length; cut += 1) {
      const lastId = Math.min(id + (cuts[cut] ?? 1), all.length);
      const part = all.slice(id, lastId);
      const of = (isBid: boolean) => {
        const sizes = new Map(part.filter((each) => each.isBid === isBid).map(({ step, size }) => [step, size]));
        return [...sizes].map(([step, size]) => level(isBid ? 100 - step : 100 + step, size));
      };
      for (const each of part) touched.add(`${each.isBid} ${each.step}`);
      check.note({ firstId: id + 1, lastId, delta: { kind: 'delta', bids: of(true), asks: of(false) } });
      id = lastId;
    }
    const { bids, asks } = stateAfter(all, snapshotId);
    const verdict = check.compare({
      lastUpdateId: snapshotId,
      bids: bids.slice(0, levels),
      asks: asks.slice(0, levels),
    });
    return { verdict, touched, bids: bids.slice(0, levels), asks: asks.slice(0, levels) };
  }

  it('a book that is right is never called wrong', () => {
    fc.assert(
      fc.property(venues, (venue) => {
        expect(run(venue, () => undefined).verdict).toEqual({ kind: 'equal' });
      }),
      { numRuns: 500 },
    );
  });

  it('a level that is wrong, in reach, and was not changed since is always found', () => {
    fc.assert(
      fc.property(venues, (venue) => {
        const { isBid, step } = venue.wrong;
        const { price } = level(isBid ? 100 - step : 100 + step, 1);
        const { verdict, touched, bids, asks } = run(venue, (book) => {
          const wrong = [{ price, size: decimal('77') }];
          book.apply({ kind: 'delta', bids: isBid ? wrong : [], asks: isBid ? [] : wrong });
        });
        const isThere = (isBid ? bids : asks).some((each) => each.price === price);
        if (touched.has(`${isBid} ${step}`) || !isThere) return;
        expect(verdict).toEqual({ kind: 'different', side: isBid ? 'bid' : 'ask', price });
      }),
      { numRuns: 500 },
    );
  });
});

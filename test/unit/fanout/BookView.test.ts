import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BookView, mergeDeltas } from '../../../src/fanout/routing/BookView.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import type { OrderBookUpdate } from '../../../src/market/marketData.ts';
import { book } from '../../support/events.ts';

/** Bids stay below 100 and asks above, so that the book is never crossed. */
const changes = fc.array(
  fc.record({
    bids: fc.array(fc.tuple(fc.integer({ min: 80, max: 99 }).map(String), fc.integer({ min: 0, max: 3 }).map(String))),
    asks: fc.array(
      fc.tuple(fc.integer({ min: 101, max: 120 }).map(String), fc.integer({ min: 0, max: 3 }).map(String)),
    ),
  }),
  { minLength: 1, maxLength: 30 },
);

const sorted = (pairs: [string, string][], direction: 1 | -1): [string, string][] =>
  [...new Map(pairs)].toSorted(([a], [b]) => (Number(a) - Number(b)) * direction);

function updates(steps: { bids: [string, string][]; asks: [string, string][] }[]): OrderBookUpdate[] {
  return steps.map(({ bids, asks }, index) =>
    book(index + 1, index === 0 ? 'snapshot' : 'delta', {
      bids: sorted(bids, -1).filter(([, size]) => index > 0 || size !== '0'),
      asks: sorted(asks, 1).filter(([, size]) => index > 0 || size !== '0'),
    }),
  );
}

it('a client that applies a view of deltas holds exactly the best levels after every event', () => {
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 6 }), (steps, depth) => {
      const source = new OrderBook();
      const view = new BookView({ depth, kind: 'delta' });
      const client = new OrderBook();
      for (const update of updates(steps)) {
        source.apply(update);
        const seen = view.next(update, source);
        client.apply(seen);
        expect(client.top(1_000)).toEqual(source.top(depth));
        expect(seen.sequence).toBe(update.sequence);
      }
    }),
  );
});

it('merged deltas have the same effect as the deltas one after the other', () => {
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 5 }), (steps, depth, group) => {
      const source = new OrderBook();
      const view = new BookView({ depth, kind: 'delta' });
      const client = new OrderBook();
      let held: OrderBookUpdate | null = null;
      for (const [index, update] of updates(steps).entries()) {
        source.apply(update);
        const seen = view.next(update, source);
        held = held === null || seen.kind === 'snapshot' ? seen : mergeDeltas(held, seen);
        if (index === 0 || index % group === 0) {
          client.apply(held);
          held = null;
          expect(client.top(1_000)).toEqual(source.top(depth));
        }
      }
    }),
  );
});

it('a view in whole books gives the best levels with every event', () => {
  const source = new OrderBook();
  const view = new BookView({ depth: 1, kind: 'snapshot' });
  const [first, second] = updates([
    { bids: [['99', '1']], asks: [['101', '1']] },
    { bids: [['98', '5']], asks: [] },
  ]);
  if (first === undefined || second === undefined) throw new Error('two updates');
  source.apply(first);
  view.next(first, source);
  source.apply(second);
  expect(view.next(second, source)).toEqual(book(2, 'snapshot', { bids: [['99', '1']], asks: [['101', '1']] }));
});

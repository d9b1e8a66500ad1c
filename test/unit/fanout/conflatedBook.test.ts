import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/ByteBudget.ts';
import type { Delivery } from '../../../src/fanout/Emission.ts';
import { PendingEvents } from '../../../src/fanout/PendingEvents.ts';
import { SubscriptionIndex } from '../../../src/fanout/SubscriptionIndex.ts';
import { Turn } from '../../../src/fanout/Turn.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import { book, key } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const DEPTH = 3;

const WAYS = ['one', 'other'] as const;

/** A change of one bid, or the turn ends, or the client takes so many of the events that wait. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      price: fc.integer({ min: 90, max: 99 }).map(String),
      size: fc.integer({ min: 0, max: 3 }).map(String),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ end: true }) },
  { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 5 }) }) },
);

it('a client that is behind now and then has the right book after every event that it takes, in rising sequence', () => {
  let collapsed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 160 }), (steps) => {
      using turn = new Turn(new FakeClock());
      const index = new SubscriptionIndex(turn);
      const { topic } = index.open(key('orderbook'));
      const source = new OrderBook();
      const pending = new PendingEvents<string>({
        budget: new ByteBudget(4_000),
        onConflated: () => (collapsed += 1),
      });
      const truth = new Map<number, unknown>();
      const view = { depth: DEPTH, kind: 'delta' } as const;
      const clients = new Map(WAYS.map((way) => [way as string, { book: new OrderBook(), told: 0 }]));
      for (const way of WAYS) {
        const deliver = ({ emissions }: Delivery): void => {
          for (const emission of emissions) expect(pending.push(emission, way)).toBe(true);
        };
        index.join(key('orderbook'), { deliver }, { view, known: null });
      }
      const take = (): boolean => {
        const next = pending.shift();
        const client = clients.get(next?.way ?? '');
        if (next?.emission.event.type !== 'orderbook' || client === undefined) return false;
        const { event } = next.emission;
        expect(event.sequence).toBeGreaterThan(client.told);
        client.told = event.sequence;
        client.book.apply(event);
        expect(client.book.top(100)).toEqual(truth.get(event.sequence));
        return true;
      };
      let sequence = 0;
      const publish = (bids: [string, string][]): void => {
        sequence += 1;
        const update = book(sequence, sequence === 1 ? 'snapshot' : 'delta', { bids });
        source.apply(update);
        truth.set(sequence, source.top(DEPTH));
        topic.publish(update, source);
      };
      publish([['89', '1']]);
      for (const what of steps) {
        if ('take' in what) for (let count = 0; count < what.take; count += 1) take();
        else if ('end' in what) turn.end();
        else publish([[what.price, what.size]]);
      }
      turn.end();
      while (take());
      expect([...clients.values()].map(({ told }) => told)).toEqual([sequence, sequence]);
    }),
    { numRuns: 400 },
  );
  expect(collapsed).toBeGreaterThan(100);
});

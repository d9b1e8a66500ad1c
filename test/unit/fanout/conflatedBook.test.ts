import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/ByteBudget.ts';
import type { Delivery } from '../../../src/fanout/Emission.ts';
import { PendingEvents } from '../../../src/fanout/PendingEvents.ts';
import { SubscriptionIndex } from '../../../src/fanout/SubscriptionIndex.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import { book, key } from '../../support/events.ts';
import { turnAtOnce } from '../../support/turnAtOnce.ts';

const DEPTH = 3;

/** A change of one bid, or the client takes so many of the events that wait. */
const step = fc.oneof(
  fc.record({ price: fc.integer({ min: 90, max: 99 }).map(String), size: fc.integer({ min: 0, max: 3 }).map(String) }),
  fc.record({ take: fc.integer({ min: 1, max: 3 }) }),
);

it('a client that is behind now and then has the right book after every event that it takes, in rising sequence', () => {
  let collapsed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
      const index = new SubscriptionIndex(turnAtOnce);
      const { topic } = index.open(key('orderbook'));
      const source = new OrderBook();
      const pending = new PendingEvents({ budget: new ByteBudget(2_500), onConflated: () => (collapsed += 1) });
      const truth = new Map<number, unknown>();
      const client = new OrderBook();
      let told = 0;
      const view = { depth: DEPTH, kind: 'delta' } as const;
      const deliver = ({ emissions }: Delivery): void => {
        for (const emission of emissions) expect(pending.push(emission, null)).toBe(true);
      };
      index.join(key('orderbook'), { deliver }, { view, known: null });
      const take = (): boolean => {
        const event = pending.shift()?.emission.event;
        if (event?.type !== 'orderbook') return false;
        expect(event.sequence).toBeGreaterThan(told);
        told = event.sequence;
        client.apply(event);
        expect(client.top(100)).toEqual(truth.get(told));
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
      for (const taken of steps) {
        if ('take' in taken) for (let count = 0; count < taken.take; count += 1) take();
        else publish([[taken.price, taken.size]]);
      }
      while (take());
      expect(told).toBe(sequence);
    }),
    { numRuns: 400 },
  );
  expect(collapsed).toBeGreaterThan(100);
});

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteBudget, PendingEvents } from '../../../src/fanout/client/PendingEvents.ts';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from '../../../src/fanout/routing/FlushScheduler.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import { book, key } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const DEPTH = 3;

const WAYS = ['one', 'other'] as const;

/** One bid changes, or the turn ends, or the client takes this many of the waiting events. */
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

it('a client that is sometimes behind has the right book after every event that it takes, in rising sequence', () => {
  let collapsed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 160 }), (steps) => {
      using scheduler = new FlushScheduler(new FakeClock());
      const index = new SubscriptionIndex(scheduler);
      const { topic } = index.open(key('orderbook'));
      const source = new OrderBook();
      const pending = new PendingEvents<string>({
        budget: new ByteBudget(4_000),
        onConflated: () => (collapsed += 1),
      });
      const truth = new Map<number, unknown>();
      const view = { depth: DEPTH, kind: 'delta' } as const;
      const clients = new Map(WAYS.map((target) => [target as string, { book: new OrderBook(), last: 0 }]));
      for (const target of WAYS) {
        const deliver = ({ events }: SharedUpdate): void => {
          for (const sharedEvent of events) expect(pending.push(sharedEvent, target)).toBe(true);
        };
        index.join(key('orderbook'), { deliver }, { view, known: null });
      }
      const take = (): boolean => {
        const next = pending.shift();
        const client = clients.get(next?.target ?? '');
        if (next?.sharedEvent.event.type !== 'orderbook' || client === undefined) return false;
        const { event } = next.sharedEvent;
        expect(event.sequence).toBeGreaterThan(client.last);
        client.last = event.sequence;
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
        else if ('end' in what) scheduler.flushNow();
        else publish([[what.price, what.size]]);
      }
      scheduler.flushNow();
      while (take());
      expect([...clients.values()].map(({ last }) => last)).toEqual([sequence, sequence]);
    }),
    { numRuns: 400 },
  );
  expect(collapsed).toBeGreaterThan(100);
});

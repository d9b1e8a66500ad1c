import { describe, expect, it } from 'vitest';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import type { StreamKey } from '../../../src/market/marketData.ts';
import type { Subscriber } from '../../../src/fanout/routing/Topic.ts';
import { Throttle } from '../../../src/fanout/routing/Throttle.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { book, key, tick, trade } from '../../support/events.ts';

function throttle(throttleMs = 100) {
  const clock = new FakeClock();
  const received: SharedEvent[] = [];
  const subscriber: Subscriber = { deliver: ({ events }) => received.push(...events) };
  const withdrawn = new Set<StreamKey>();
  const subject = new Throttle({ subscriber, throttleMs, clock, isCurrent: (each) => !withdrawn.has(each) });
  return { clock, received, subject, withdrawn };
}

describe('Throttle', () => {
  it('passes the first event at once, then at most one in each period, always the latest, and the last one arrives', async () => {
    const { clock, received, subject } = throttle();
    for (let sequence = 1; sequence <= 25; sequence += 1) {
      subject.deliver(new SharedEvent(key('tick'), tick(sequence)));
      await clock.advance(10);
    }
    await clock.advance(500);
    expect(received.map(({ event }) => event.sequence)).toEqual([1, 10, 20, 25]);
    expect(clock.pending).toBe(0);
  });

  it('paces each stream by itself', () => {
    const { received, subject } = throttle();
    subject.deliver(new SharedEvent(key('tick', 'A'), tick(1)));
    subject.deliver(new SharedEvent(key('tick', 'B'), tick(2)));
    expect(received.map(({ event }) => event.sequence)).toEqual([1, 2]);
  });

  it('never holds a trade back', () => {
    const { received, subject } = throttle();
    for (let sequence = 1; sequence <= 5; sequence += 1)
      subject.deliver(new SharedEvent(key('trade'), trade(sequence)));
    expect(received).toHaveLength(5);
  });

  it('merges the deltas it holds into one with the same effect', async () => {
    const { clock, received, subject } = throttle();
    const delta = (sequence: number, bids: [string, string][]): SharedEvent =>
      new SharedEvent(key('orderbook'), book(sequence, 'delta', { bids }), { whole: book(sequence, 'snapshot', {}) });
    subject.deliver(delta(1, [['10', '1']]));
    subject.deliver(
      delta(2, [
        ['11', '1'],
        ['9', '5'],
      ]),
    );
    subject.deliver(
      delta(3, [
        ['11', '0'],
        ['10', '3'],
      ]),
    );
    await clock.advance(100);
    expect(received[1]?.event).toEqual(
      book(3, 'delta', {
        bids: [
          ['11', '0'],
          ['10', '3'],
          ['9', '5'],
        ],
      }),
    );
  });

  it('turns a held snapshot and the deltas after it into the current book', async () => {
    const { clock, received, subject } = throttle();
    const whole = book(3, 'snapshot', { bids: [['1', '1']] });
    subject.deliver(new SharedEvent(key('orderbook'), book(1, 'snapshot', {})));
    subject.deliver(new SharedEvent(key('orderbook'), book(2, 'snapshot', {})));
    subject.deliver(new SharedEvent(key('orderbook'), book(3, 'delta', {}), { whole }));
    await clock.advance(100);
    expect(received[1]?.event).toMatchObject({ kind: 'snapshot', sequence: 3 });
  });

  it('does not pass on a value that was withdrawn while it was held, and goes on with the next', async () => {
    const { clock, received, subject, withdrawn } = throttle();
    for (const sequence of [1, 2]) subject.deliver(new SharedEvent(key('tick'), tick(sequence)));
    withdrawn.add(key('tick'));
    await clock.advance(100);
    withdrawn.clear();
    subject.deliver(new SharedEvent(key('tick'), tick(3)));
    expect(received.map(({ event }) => event.sequence)).toEqual([1, 3]);
  });

  it('leaves no timer behind', async () => {
    const { clock, received, subject } = throttle();
    subject.deliver(new SharedEvent(key('tick'), tick(1)));
    subject.deliver(new SharedEvent(key('tick'), tick(2)));
    subject[Symbol.dispose]();
    await clock.advance(1_000);
    expect(clock.pending).toBe(0);
    expect(received).toHaveLength(1);
  });
});

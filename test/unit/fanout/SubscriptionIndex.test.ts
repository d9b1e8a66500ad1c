import { describe, expect, it } from 'vitest';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from '../../../src/fanout/routing/FlushScheduler.ts';
import type { BookUpdateKind } from '../../../src/market/marketData.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { book, key, levels, tick, trade } from '../../support/events.ts';

function subject() {
  const clock = new FakeClock();
  const scheduler = new FlushScheduler(clock);
  const index = new SubscriptionIndex(scheduler);
  const sources = { ticks: index.open(key('tick')), trades: index.open(key('trade')) };
  const ticks = sources.ticks.topic;
  const trades = sources.trades.topic;
  /** Records for each update its sequences, and whether it was everything that the turn had for the subscriber. */
  const listen = (...keys: ReturnType<typeof key>[]) => {
    const received: { readonly sequences: number[]; readonly direct: boolean }[] = [];
    const subscriber = {
      deliver: ({ events }: SharedUpdate) => {
        received.push({ sequences: events.map(({ event }) => event.sequence), direct: scheduler.isDirect });
      },
    };
    const memberships = keys.map((each) => index.join(each, subscriber).membership);
    return { received, memberships };
  };
  return { clock, index, sources, ticks, trades, listen };
}

describe('SubscriptionIndex', () => {
  it('dispatches the events of a stream in one turn as one update', async () => {
    const { clock, ticks, listen } = subject();
    const { received } = listen(key('tick'));
    for (const sequence of [1, 2, 3]) ticks.publish(tick(sequence), null);
    expect(received).toEqual([]);
    await clock.advance(0);
    expect(received).toEqual([{ sequences: [1, 2, 3], direct: true }]);
  });

  it('keeps the order across streams, and says that more follows if several streams had events', async () => {
    const { clock, ticks, trades, listen } = subject();
    const { received } = listen(key('tick'), key('trade'));
    ticks.publish(tick(1), null);
    trades.publish(trade(2), null);
    trades.publish(trade(3), null);
    ticks.publish(tick(4), null);
    await clock.advance(0);
    expect(received.map(({ sequences }) => sequences)).toEqual([[1], [2, 3], [4]]);
    expect(received.every(({ direct }) => !direct)).toBe(true);
  });

  it('sends a subscriber that joins in the middle of a turn no earlier event, and the others all of them', async () => {
    const { clock, ticks, listen } = subject();
    const before = listen(key('tick'));
    ticks.publish(tick(1), null);
    const after = listen(key('tick'));
    ticks.publish(tick(2), null);
    await clock.advance(0);
    expect(before.received.flatMap(({ sequences }) => sequences)).toEqual([1, 2]);
    expect(after.received.flatMap(({ sequences }) => sequences)).toEqual([2]);
  });

  it('sends nothing more to a subscriber that has left', async () => {
    const { clock, ticks, listen } = subject();
    const { received, memberships } = listen(key('tick'));
    ticks.publish(tick(1), null);
    for (const membership of memberships) membership[Symbol.dispose]();
    await clock.advance(0);
    expect(received).toEqual([]);
  });

  it('gathers a bounded number of events in one update', async () => {
    const { clock, trades, listen } = subject();
    const { received } = listen(key('trade'));
    for (let sequence = 1; sequence <= 200; sequence += 1) trades.publish(trade(sequence), null);
    await clock.advance(0);
    expect(received.flatMap(({ sequences }) => sequences)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    expect(Math.max(...received.map(({ sequences }) => sequences.length))).toBe(64);
  });

  it('keeps a topic while it has a publisher or a subscriber, one after the other or both', () => {
    const { index, sources, ticks, listen } = subject();
    const { memberships } = listen(key('tick'));
    sources.trades.source[Symbol.dispose]();
    expect(index.size).toBe(1);
    sources.ticks.source[Symbol.dispose]();
    expect(index.size).toBe(1);
    const again = index.open(key('tick'));
    expect(again.topic).toBe(ticks);
    for (const membership of memberships) membership[Symbol.dispose]();
    expect(index.size).toBe(1);
    again.source[Symbol.dispose]();
    expect(index.size).toBe(0);
  });

  it('still reaches subscribers of a stream whose former epoch ends late, and more than once', async () => {
    const { clock, index, sources, listen } = subject();
    const next = index.open(key('tick'));
    for (const _time of [1, 2]) sources.ticks.source[Symbol.dispose]();
    const { memberships } = listen(key('tick'));
    for (const membership of memberships) membership[Symbol.dispose]();
    const { received } = listen(key('tick'));
    next.topic.publish(tick(1), null);
    await clock.advance(0);
    expect(received.flatMap(({ sequences }) => sequences)).toEqual([1]);
  });

  it('makes a view of a book for each group of subscribers, once for all that see it the same way', async () => {
    const { clock, index } = subject();
    const { topic } = index.open(key('orderbook'));
    const source = new OrderBook();
    const received = new Map<string, SharedUpdate[]>();
    const join = (name: string, depth: number, kind: BookUpdateKind): void => {
      const updates: SharedUpdate[] = [];
      received.set(name, updates);
      index.join(key('orderbook'), { deliver: (each) => updates.push(each) }, { view: { depth, kind }, known: null });
    };
    join('one', 1, 'snapshot');
    join('one more', 1, 'snapshot');
    join('two', 2, 'snapshot');
    join('changes', 1, 'delta');
    const events = [
      book(1, 'snapshot', {
        bids: [
          ['3', '1'],
          ['2', '1'],
          ['1', '1'],
        ],
      }),
      book(2, 'delta', { bids: [['2', '5']] }),
    ];
    for (const event of events) {
      source.apply(event);
      topic.publish(event, source);
      await clock.advance(0);
    }
    const seen = (name: string) =>
      received.get(name)?.map(({ last: { event } }) => (event.type === 'orderbook' ? [event.kind, event.bids] : null));
    const best = ['snapshot', levels([['3', '1']])];
    expect(seen('one')).toEqual([best, best]);
    expect(received.get('one more')).toEqual(received.get('one'));
    expect(received.get('one more')?.[0]).toBe(received.get('one')?.[0]);
    expect(seen('two')).toEqual([
      [
        'snapshot',
        levels([
          ['3', '1'],
          ['2', '1'],
        ]),
      ],
      [
        'snapshot',
        levels([
          ['3', '1'],
          ['2', '5'],
        ]),
      ],
    ]);
    expect(seen('changes')).toEqual([best, ['delta', []]]);
  });
});

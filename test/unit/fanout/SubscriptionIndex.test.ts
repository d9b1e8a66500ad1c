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
  /** What a subscriber gets: for each delivery the sequences in it, and whether it was all that the turn had. */
  const listen = (...keys: ReturnType<typeof key>[]) => {
    const heard: { readonly sequences: number[]; readonly direct: boolean }[] = [];
    const subscriber = {
      deliver: ({ events }: SharedUpdate) => {
        heard.push({ sequences: events.map(({ event }) => event.sequence), direct: scheduler.isDirect });
      },
    };
    const memberships = keys.map((each) => index.join(each, subscriber).membership);
    return { heard, memberships };
  };
  return { clock, index, sources, ticks, trades, listen };
}

describe('SubscriptionIndex', () => {
  it('hands out what one turn brought of a stream in one delivery', async () => {
    const { clock, ticks, listen } = subject();
    const { heard } = listen(key('tick'));
    for (const sequence of [1, 2, 3]) ticks.publish(tick(sequence), null);
    expect(heard).toEqual([]);
    await clock.advance(0);
    expect(heard).toEqual([{ sequences: [1, 2, 3], direct: true }]);
  });

  it('keeps the order across streams, and says that more comes where more streams had something', async () => {
    const { clock, ticks, trades, listen } = subject();
    const { heard } = listen(key('tick'), key('trade'));
    ticks.publish(tick(1), null);
    trades.publish(trade(2), null);
    trades.publish(trade(3), null);
    ticks.publish(tick(4), null);
    await clock.advance(0);
    expect(heard.map(({ sequences }) => sequences)).toEqual([[1], [2, 3], [4]]);
    expect(heard.every(({ direct }) => !direct)).toBe(true);
  });

  it('tells who joins in the middle of a turn nothing of before, and those who were there all of it', async () => {
    const { clock, ticks, listen } = subject();
    const before = listen(key('tick'));
    ticks.publish(tick(1), null);
    const after = listen(key('tick'));
    ticks.publish(tick(2), null);
    await clock.advance(0);
    expect(before.heard.flatMap(({ sequences }) => sequences)).toEqual([1, 2]);
    expect(after.heard.flatMap(({ sequences }) => sequences)).toEqual([2]);
  });

  it('tells who has left nothing any more', async () => {
    const { clock, ticks, listen } = subject();
    const { heard, memberships } = listen(key('tick'));
    ticks.publish(tick(1), null);
    for (const membership of memberships) membership[Symbol.dispose]();
    await clock.advance(0);
    expect(heard).toEqual([]);
  });

  it('gathers a bounded number of events in one delivery', async () => {
    const { clock, trades, listen } = subject();
    const { heard } = listen(key('trade'));
    for (let sequence = 1; sequence <= 200; sequence += 1) trades.publish(trade(sequence), null);
    await clock.advance(0);
    expect(heard.flatMap(({ sequences }) => sequences)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    expect(Math.max(...heard.map(({ sequences }) => sequences.length))).toBe(64);
  });

  it('keeps a topic while somebody publishes in it or listens, one after the other or both', () => {
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

  it('still reaches those who listen to a stream whose former life ends late, and more than once', async () => {
    const { clock, index, sources, listen } = subject();
    const next = index.open(key('tick'));
    for (const _time of [1, 2]) sources.ticks.source[Symbol.dispose]();
    const { memberships } = listen(key('tick'));
    for (const membership of memberships) membership[Symbol.dispose]();
    const { heard } = listen(key('tick'));
    next.topic.publish(tick(1), null);
    await clock.advance(0);
    expect(heard.flatMap(({ sequences }) => sequences)).toEqual([1]);
  });

  it('cuts a book for each way of seeing it, and once for all who see it alike', async () => {
    const { clock, index } = subject();
    const { topic } = index.open(key('orderbook'));
    const source = new OrderBook();
    const heard = new Map<string, SharedUpdate[]>();
    const join = (name: string, depth: number, kind: BookUpdateKind): void => {
      const told: SharedUpdate[] = [];
      heard.set(name, told);
      index.join(key('orderbook'), { deliver: (each) => told.push(each) }, { view: { depth, kind }, known: null });
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
      heard.get(name)?.map(({ last: { event } }) => (event.type === 'orderbook' ? [event.kind, event.bids] : null));
    const best = ['snapshot', levels([['3', '1']])];
    expect(seen('one')).toEqual([best, best]);
    expect(heard.get('one more')).toEqual(heard.get('one'));
    expect(heard.get('one more')?.[0]).toBe(heard.get('one')?.[0]);
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

import { expect, it } from 'vitest';
import { MarketState } from '../../../src/core/MarketState.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { ReplayLogs } from '../../../src/core/replay/ReplayLogs.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { book, key, status, tick, trade } from '../../support/events.ts';

const START = { epoch: 'epoch', sequence: 0 };

function marketState() {
  const crossed: number[] = [];
  const index = new SubscriptionIndex(dispatchAtOnce);
  const logs = new ReplayLogs({ clock: new FakeClock(), maxBytes: 1_000_000 });
  const state = new MarketState({ index, logs, onCrossed: (_key, event) => crossed.push(event.sequence) });
  const published = (streamKey: ReturnType<typeof key>): number[] => {
    const sequences: number[] = [];
    index.join(streamKey, { deliver: ({ events }) => sequences.push(...events.map(({ event }) => event.sequence)) });
    return sequences;
  };
  return { state, index, crossed, published };
}

it('MarketState keeps the last value of a stream from its beginning to its end, but no trade', () => {
  const { state, index } = marketState();
  const ticks = state.receive(key('tick'), START);
  const trades = state.receive(key('trade'), START);
  expect(state.latest(key('tick'))).toBeNull();
  ticks.publish(tick(1));
  ticks.publish(tick(2));
  trades.publish(trade(1));
  expect(state.latest(key('tick'))).toEqual(tick(2));
  expect(state.latest(key('trade'))).toBeNull();
  ticks[Symbol.dispose]();
  trades[Symbol.dispose]();
  expect(state.latest(key('tick'))).toBeNull();
  expect(state.size).toBe(0);
  expect(index.size).toBe(0);
});

it('MarketState keeps an epoch of a stream when the one before it ends late', () => {
  const { state } = marketState();
  const former = state.receive(key('tick'), START);
  former.publish(tick(7));
  const present = state.receive(key('tick'), START);
  expect(state.latest(key('tick'))).toBeNull();
  present.publish(tick(1));
  former[Symbol.dispose]();
  expect(state.latest(key('tick'))).toEqual(tick(1));
});

it('MarketState neither publishes nor returns a book that is out of step: before its snapshot, once crossed, once reset', () => {
  const { state, crossed, published } = marketState();
  const stream = state.receive(key('orderbook'), START);
  const sequences = published(key('orderbook'));
  const whole = book(1, 'snapshot', { bids: [['1', '5']], asks: [['3', '5']] });
  const change = book(2, 'delta', { bids: [['2', '5']] });
  stream.publish(change);
  expect(sequences).toEqual([]);
  stream.publish(whole);
  stream.publish(change);
  expect(sequences).toEqual([1, 2]);
  expect(state.book(key('orderbook'))?.latest).toEqual(change);
  expect(state.book(key('orderbook'))?.book.top(1).bids).toEqual([{ price: '2', size: '5' }]);

  stream.publish(book(3, 'delta', { bids: [['4', '5']] }));
  expect(crossed).toEqual([3]);
  expect(state.book(key('orderbook'))).toBeNull();
  stream.publish(book(4, 'delta', { bids: [['2', '6']] }));
  expect(sequences).toEqual([1, 2]);

  stream.publish(whole);
  expect(sequences).toEqual([1, 2, 1]);
  stream.reset();
  expect(state.book(key('orderbook'))).toBeNull();
  expect(state.latest(key('orderbook'))).toBeNull();
  stream.publish(change);
  expect(sequences).toEqual([1, 2, 1]);
});

it('MarketState keeps each status once: one that a gateway tells in between has no number of its own', () => {
  const { state } = marketState();
  const statuses = state.receive(key('status'), { ...START, sequence: 0 });
  for (const sequence of [1, 1, 2, 2]) statuses.publish(status(sequence));
  expect(state.known(key('status'))).toEqual([status(1), status(2)]);
});

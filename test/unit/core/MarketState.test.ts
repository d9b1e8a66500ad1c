import { expect, it } from 'vitest';
import { MarketState } from '../../../src/core/MarketState.ts';
import { book, key, tick, trade } from '../../support/events.ts';

it('knows the last value of a stream from its beginning to its end, and of no trade', () => {
  const state = new MarketState();
  const ticks = state.open(key('tick'));
  const trades = state.open(key('trade'));
  expect(state.latest(key('tick'))).toBeNull();
  ticks.apply(tick(1));
  ticks.apply(tick(2));
  trades.apply(trade(1));
  expect(state.latest(key('tick'))).toEqual(tick(2));
  expect(state.latest(key('trade'))).toBeNull();
  state.close(key('tick'), ticks);
  state.close(key('trade'), trades);
  expect(state.latest(key('tick'))).toBeNull();
  expect(state.size).toBe(0);
});

it('keeps a life of a stream when the one before it ends late', () => {
  const state = new MarketState();
  const former = state.open(key('tick'));
  former.apply(tick(7));
  const present = state.open(key('tick'));
  expect(state.latest(key('tick'))).toBeNull();
  present.apply(tick(1));
  state.close(key('tick'), former);
  expect(state.latest(key('tick'))).toEqual(tick(1));
});

it('gives no book that is not in step: before its snapshot, once crossed, and once forgotten', () => {
  const state = new MarketState();
  const stream = state.open(key('orderbook'));
  const whole = book(1, 'snapshot', { bids: [['1', '5']], asks: [['3', '5']] });
  const change = book(2, 'delta', { bids: [['2', '5']] });
  expect(stream.apply(change)).toBe('ignored');
  expect(stream.apply(whole)).toBe('applied');
  expect(stream.apply(change)).toBe('applied');
  expect(state.book(key('orderbook'))?.latest).toEqual(change);
  expect(state.book(key('orderbook'))?.book.top(1).bids).toEqual([{ price: '2', size: '5' }]);

  expect(stream.apply(book(3, 'delta', { bids: [['4', '5']] }))).toBe('crossed');
  expect(state.book(key('orderbook'))).toBeNull();
  expect(stream.apply(book(4, 'delta', { bids: [['2', '6']] }))).toBe('ignored');

  expect(stream.apply(whole)).toBe('applied');
  stream.forget();
  expect(state.book(key('orderbook'))).toBeNull();
  expect(state.latest(key('orderbook'))).toBeNull();
  expect(stream.apply(change)).toBe('ignored');
});

import { describe, expect, it } from 'vitest';
import { ByteBudget, PendingEvents } from '../../../src/fanout/client/PendingEvents.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import { book, key, tick, trade } from '../../support/events.ts';

function pendingEvents(limitBytes = 100_000) {
  const conflated: string[] = [];
  const budget = new ByteBudget(limitBytes);
  const pending = new PendingEvents({ budget, onConflated: (type) => conflated.push(type) });
  return { pending, budget, conflated };
}

const sequences = (pending: PendingEvents): number[] => {
  const found: number[] = [];
  for (let next = pending.shift(); next !== undefined; next = pending.shift())
    found.push(next.sharedEvent.event.sequence);
  return found;
};

const delta = (sequence: number): SharedEvent =>
  new SharedEvent(key('orderbook'), book(sequence, 'delta', {}), { whole: book(sequence, 'snapshot', {}) });

/** Pushes trades that take more than half of the budget, so that the subscriber is behind. */
function fallBehind(pending: PendingEvents, budget: ByteBudget): void {
  while (budget.used <= budget.limit / 2) pending.push(new SharedEvent(key('trade', 'OTHER'), trade(0)), null);
}

describe('PendingEvents', () => {
  it('keeps everything while little waits: many events at once do not make a client slow', () => {
    const { pending, conflated } = pendingEvents();
    for (let sequence = 1; sequence <= 50; sequence += 1)
      pending.push(new SharedEvent(key('tick'), tick(sequence)), null);
    expect(sequences(pending)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(conflated).toEqual([]);
  });

  it('keeps only the newest tick of each stream, in the place of the older one, once the subscriber is behind', () => {
    const { pending, budget, conflated } = pendingEvents();
    fallBehind(pending, budget);
    pending.push(new SharedEvent(key('tick', 'A'), tick(1)), null);
    pending.push(new SharedEvent(key('tick', 'B'), tick(10)), null);
    pending.push(new SharedEvent(key('tick', 'A'), tick(2)), null);
    expect(sequences(pending).filter((sequence) => sequence > 0)).toEqual([2, 10]);
    expect(conflated).toEqual(['tick']);
  });

  it('never drops a trade', () => {
    const { pending, conflated } = pendingEvents();
    for (let sequence = 1; sequence <= 50; sequence += 1)
      pending.push(new SharedEvent(key('trade'), trade(sequence)), null);
    expect(sequences(pending)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(conflated).toEqual([]);
  });

  it('replaces several deltas by one whole book as of the last of them', () => {
    const { pending, budget } = pendingEvents();
    fallBehind(pending, budget);
    for (const sequence of [1, 2, 3]) pending.push(delta(sequence), null);
    let left: SharedEvent | undefined;
    do left = pending.shift()?.sharedEvent;
    while (left?.event.type === 'trade');
    expect(left?.event).toEqual(book(3, 'snapshot', {}));
    expect(pending.shift()).toBeUndefined();
  });

  it('passes a single waiting delta on unchanged', () => {
    const { pending } = pendingEvents();
    const single = delta(4);
    pending.push(single, null);
    expect(pending.shift()?.sharedEvent).toBe(single);
  });

  it('counts the whole book that a delta keeps', () => {
    const { pending, budget } = pendingEvents();
    pending.push(delta(1), null);
    const before = budget.used;
    const levels = Array.from({ length: 100 }, (_, at): [string, string] => [String(at), '1']);
    const whole = book(2, 'snapshot', { bids: levels.toReversed() });
    pending.push(new SharedEvent(key('orderbook'), book(2, 'delta', {}), { whole }), null);
    expect(budget.used - before).toBe(before + 800);
  });

  it('refuses events over the budget, and returns the budget as events leave', () => {
    const { pending, budget } = pendingEvents(1_000);
    expect(pending.push(new SharedEvent(key('trade'), trade(1)), null)).toBe(true);
    expect(pending.push(new SharedEvent(key('trade'), trade(2)), null)).toBe(true);
    expect(pending.push(new SharedEvent(key('trade'), trade(3)), null)).toBe(false);
    expect(sequences(pending)).toEqual([1, 2]);
    expect(budget.used).toBe(0);
    pending.push(new SharedEvent(key('trade'), trade(4)), null);
    pending.clear();
    expect(budget.used).toBe(0);
  });

  it('keeps the newest event for each target of a stream, once the subscriber is behind', () => {
    const budget = new ByteBudget(10_000);
    const pending = new PendingEvents<string>({ budget, onConflated: () => undefined });
    for (let sequence = 1; sequence <= 1_000; sequence += 1) {
      for (const target of ['a', 'b'])
        expect(pending.push(new SharedEvent(key('tick'), tick(sequence)), target)).toBe(true);
    }
    const left = new Map<string, number[]>();
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      left.set(next.target, [...(left.get(next.target) ?? []), next.sharedEvent.event.sequence]);
    }
    for (const target of ['a', 'b']) {
      expect(left.get(target)?.at(-1)).toBe(1_000);
      expect(left.get(target)).toEqual(left.get(target)?.toSorted((one, other) => one - other));
    }
    expect(budget.used).toBe(0);
  });

  it('sends each target of a book no delta that its whole book already includes', () => {
    const pending = new PendingEvents<string>({ budget: new ByteBudget(1_000), onConflated: () => undefined });
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      for (const target of ['a', 'b']) expect(pending.push(delta(sequence), target)).toBe(true);
    }
    const kept = new Map<string, number[]>([
      ['a', []],
      ['b', []],
    ]);
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      kept.get(next.target)?.push(next.sharedEvent.event.sequence);
    }
    for (const sequenceList of kept.values()) {
      expect(sequenceList.at(-1)).toBe(20);
      expect(sequenceList).toEqual([...new Set(sequenceList)].toSorted((one, other) => one - other));
    }
  });

  it('drops what piled up before it gives a subscriber up, and keeps the newest of each stream whatever its size', () => {
    const { pending, budget, conflated } = pendingEvents(4_000);
    // Half of the budget is used before anything is conflated.
    for (let sequence = 1; sequence <= 5; sequence += 1)
      pending.push(new SharedEvent(key('tick', 'A'), tick(sequence)), null);
    const symbols = Array.from({ length: 50 }, (_, at) => `S${at}`);
    for (const symbol of symbols) {
      for (const sequence of [10, 11]) {
        expect(pending.push(new SharedEvent(key('tick', symbol), tick(sequence)), null)).toBe(true);
      }
    }
    expect(conflated.length).toBe(4 + 50);
    expect(pending.push(new SharedEvent(key('trade'), trade(1)), null)).toBe(false);
    expect(sequences(pending)).toEqual([5, ...symbols.map(() => 11)]);
    expect(budget.used).toBe(0);
    expect(pending.push(new SharedEvent(key('trade'), trade(1)), null)).toBe(true);
  });

  it('leaves a whole book if deltas that piled up are dropped', () => {
    const { pending } = pendingEvents(1_300);
    for (const sequence of [1, 2]) pending.push(delta(sequence), null);
    pending.push(new SharedEvent(key('trade'), trade(1)), null);
    pending.push(new SharedEvent(key('trade'), trade(2)), null);
    const left = [pending.shift(), pending.shift(), pending.shift(), pending.shift()];
    expect(left.map((each) => each?.sharedEvent.event)).toEqual([
      book(2, 'snapshot', {}),
      trade(1),
      trade(2),
      undefined,
    ]);
  });

  it('counts bytes, whatever the type: an encoder with longer results takes more of the budget', () => {
    const { pending, budget } = pendingEvents();
    pending.push(new SharedEvent(key('trade'), trade(1)), null);
    const plain = budget.used;
    pending.push(new SharedEvent(key('trade'), trade(2)), null, 20);
    expect(budget.used - plain).toBe(20 * plain);
    expect(pending.push(new SharedEvent(key('trade'), trade(3)), null, 1_000)).toBe(false);
    expect(sequences(pending)).toEqual([1, 2]);
    expect(budget.used).toBe(0);
  });

  it('keeps no encodings of the events that it keeps over the budget', () => {
    const { pending } = pendingEvents(1_000);
    const encoder = { isShared: true, encode: () => 'text' };
    const events = ['A', 'B', 'C'].map((symbol) => new SharedEvent(key('tick', symbol), tick(1)));
    const frames = events.map((sharedEvent) => sharedEvent.frames(encoder));
    for (const sharedEvent of events) expect(pending.push(sharedEvent, null)).toBe(true);
    const left = events.map(() => pending.shift()?.sharedEvent);
    expect(left.map((sharedEvent, at) => sharedEvent?.frames(encoder) === frames[at])).toEqual([true, true, false]);
    expect(left.map((sharedEvent) => sharedEvent?.event)).toEqual(events.map(({ event }) => event));
  });
});

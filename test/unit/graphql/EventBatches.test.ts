import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/client/PendingEvents.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import { EventBatches } from '../../../src/graphql/EventBatches.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { book, key, tick, trade } from '../../support/events.ts';

const delta = (sequence: number): SharedEvent =>
  new SharedEvent(key('orderbook'), book(sequence, 'delta', {}), { whole: book(sequence, 'snapshot', {}) });

function nameOf(event: MarketData): string {
  const isWhole = event.type === 'orderbook' && event.kind === 'snapshot';
  return `${event.type} ${event.sequence}${isWhole ? ' whole' : ''}`;
}

const tickAt = (sequence: number): SharedEvent => new SharedEvent(key('tick'), tick(sequence));
const tradeAt = (sequence: number): SharedEvent => new SharedEvent(key('trade'), trade(sequence));

/** Fires timers early as Node does, which counts whole milliseconds from the beginning of a turn. */
class EarlyClock extends FakeClock {
  override after(delayMs: number, task: () => void): Disposable {
    return super.after(Math.max(0, delayMs - 2), task);
  }
}

function setUp(limitBytes = 1_000_000) {
  return setUpWith(new FakeClock(), limitBytes);
}

function setUpWith(clock: FakeClock, limitBytes = 1_000_000) {
  const budget = new ByteBudget(limitBytes);
  const metrics = new Metrics();
  let closes = 0;
  const batches = new EventBatches({
    everyMs: 100,
    budget,
    clock,
    metrics,
    encoder: null,
    onClose: () => (closes += 1),
  });
  const iterator = batches[Symbol.asyncIterator]();
  const next = async (): Promise<string[]> => {
    const result = await iterator.next();
    return result.done === true ? ['done'] : result.value.map(({ event }) => nameOf(event));
  };
  return { clock, budget, metrics, batches, iterator, next, closes: () => closes };
}

describe('EventBatches', () => {
  it('gives every event, in order, at the latest everyMs after the first of them', async () => {
    const { clock, batches, next, budget } = setUp();
    const first = next();
    batches.deliver(tickAt(1));
    await clock.advance(60);
    batches.deliver(tradeAt(1));
    batches.deliver(tickAt(2));
    await clock.advance(40);
    expect(await first).toEqual(['tick 1', 'trade 1', 'tick 2']);
    expect(budget.used).toBe(0);
  });

  it('gives all subscriptions with the same everyMs a list at the same time, whenever each of them began', async () => {
    const { clock, batches, next } = setUp();
    const other = setUpWith(clock);
    const lists = [next(), other.next()];
    await clock.advance(30);
    batches.deliver(tickAt(1));
    await clock.advance(40);
    for (const each of [batches, other.batches]) each.deliver(tickAt(2));
    await clock.advance(29);
    expect(clock.pending).toBe(2);
    await clock.advance(1);
    expect(clock.pending).toBe(0);
    expect(await Promise.all(lists)).toEqual([['tick 1', 'tick 2'], ['tick 2']]);
  });

  it('gives one list each everyMs even if timers are early', async () => {
    const clock = new EarlyClock();
    const { batches, iterator } = setUpWith(clock);
    const lists: number[] = [];
    const reading = (async () => {
      for await (const list of { [Symbol.asyncIterator]: () => iterator }) lists.push(list.length);
    })();
    for (let sequence = 1; sequence <= 1_000; sequence += 1) {
      batches.deliver(tickAt(sequence));
      await clock.advance(1);
    }
    batches[Symbol.dispose]();
    await reading;
    expect(lists).toHaveLength(10);
    expect(Math.min(...lists)).toBeGreaterThan(90);
  });

  it('keeps no timer while nothing happens', async () => {
    const { clock, batches, next } = setUp();
    expect(clock.pending).toBe(0);
    const first = next();
    batches.deliver(tickAt(1));
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    await first;
    expect(clock.pending).toBe(0);
  });

  it('gives a list that was not taken in time with the next pull, and then gathers a new one', async () => {
    const { clock, batches, next, budget } = setUp();
    batches.deliver(tickAt(1));
    await clock.advance(1_000);
    batches.deliver(tickAt(2));
    expect(await next()).toEqual(['tick 1', 'tick 2']);
    expect(budget.used).toBe(0);
    const second = next();
    batches.deliver(tickAt(3));
    await clock.advance(99);
    batches.deliver(tickAt(4));
    await clock.advance(1);
    expect(await second).toEqual(['tick 3', 'tick 4']);
  });

  it('conflates what a slow client does not take, and loses no trade', async () => {
    const { clock, batches, next, metrics, budget } = setUp(4_000);
    for (let sequence = 1; sequence <= 4; sequence += 1) batches.deliver(tradeAt(sequence));
    for (let sequence = 1; sequence <= 100; sequence += 1) batches.deliver(tickAt(sequence));
    await clock.advance(100);
    const events = await next();
    expect(events.slice(0, 4)).toEqual(['trade 1', 'trade 2', 'trade 3', 'trade 4']);
    expect(events.at(-1)).toBe('tick 100');
    expect(events.length).toBeLessThan(10);
    expect((await metrics.conflated.get()).values[0]?.value).toBe(104 - events.length);
    expect(budget.used).toBe(0);
  });

  it('replaces deltas of a book that a slow client does not take by the whole book', async () => {
    const { clock, batches, next } = setUp(1_000);
    for (let sequence = 1; sequence <= 8; sequence += 1) {
      batches.deliver(delta(sequence));
    }
    await clock.advance(100);
    const list = await next();
    expect(list.length).toBeLessThan(8);
    expect(list.at(-1)).toBe('orderbook 8 whole');
  });

  it('sends a list that grows large early if the client waits for it, and conflates nothing', async () => {
    const { clock, batches, next, budget, metrics } = setUp(10_000);
    const taken: string[] = [];
    const reading = (async () => {
      while (taken.length < 200) taken.push(...(await next()));
    })();
    for (let sequence = 1; sequence <= 200; sequence += 1) {
      batches.deliver(tickAt(sequence));
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
    await clock.advance(100);
    await reading;
    expect(taken).toEqual(Array.from({ length: 200 }, (_, index) => `tick ${index + 1}`));
    expect((await metrics.conflated.get()).values).toEqual([]);
    expect(budget.used).toBe(0);
  });

  it('ends with SLOW_CONSUMER if trades exceed the budget and are not taken', async () => {
    const { clock, batches, next, budget, closes } = setUp(2_000);
    for (let sequence = 1; sequence <= 6; sequence += 1) batches.deliver(tradeAt(sequence));
    expect(closes()).toBe(1);
    await expect(next()).rejects.toMatchObject({ code: 'SLOW_CONSUMER' });
    expect(await next()).toEqual(['done']);
    expect(budget.used).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('goes on with the newest if ticks alone exceed the budget', async () => {
    const { clock, batches, next, closes } = setUp(2_000);
    for (let sequence = 1; sequence <= 1_000; sequence += 1) batches.deliver(tickAt(sequence));
    await clock.advance(100);
    expect((await next()).at(-1)).toBe('tick 1000');
    expect(closes()).toBe(0);
  });

  it('leaves nothing behind when its iterator ends', async () => {
    const { clock, batches, iterator, budget, closes } = setUp();
    batches.deliver(tickAt(1));
    await iterator.return?.();
    batches.deliver(tickAt(2));
    expect([clock.pending, budget.used, closes()]).toEqual([0, 0, 1]);
  });
});

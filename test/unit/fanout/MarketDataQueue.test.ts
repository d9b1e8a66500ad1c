import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/client/PendingEvents.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import { MarketDataQueue } from '../../../src/fanout/client/EventQueue.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { key, tick, trade } from '../../support/events.ts';

function eventQueue(limitBytes = 100_000) {
  let closes = 0;
  const budget = new ByteBudget(limitBytes);
  const queue = new MarketDataQueue({ budget, metrics: new Metrics(), onClose: () => (closes += 1) });
  return { queue, budget, closes: () => closes };
}

describe('MarketDataQueue', () => {
  it('passes an event straight to a waiting next()', async () => {
    const { queue } = eventQueue();
    const next = queue.next();
    queue.deliver(new SharedEvent(key('tick'), tick(1)));
    expect((await next).value?.event.sequence).toBe(1);
  });

  it('conflates ticks if too many are not pulled in time, and never fails because of them', async () => {
    const { queue } = eventQueue(4_000);
    for (let sequence = 1; sequence <= 100; sequence += 1) queue.deliver(new SharedEvent(key('tick'), tick(sequence)));
    const seen: (number | undefined)[] = [];
    while (seen.at(-1) !== 100) seen.push((await queue.next()).value?.event.sequence);
    expect(seen.length).toBeLessThan(10);
    expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('rejects with SLOW_CONSUMER over its budget, and has then ended', async () => {
    const { queue, budget, closes } = eventQueue(1_000);
    for (let sequence = 1; sequence <= 5; sequence += 1) queue.deliver(new SharedEvent(key('trade'), trade(sequence)));
    await expect(queue.next()).rejects.toMatchObject({ code: 'SLOW_CONSUMER' });
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    expect(closes()).toBe(1);
    expect(budget.used).toBe(0);
  });

  it('cleans up once on break, and wakes a waiting next() when it is closed', async () => {
    const { queue, closes } = eventQueue();
    queue.deliver(new SharedEvent(key('tick'), tick(1)));
    for await (const sharedEvent of queue) {
      expect(sharedEvent.event.sequence).toBe(1);
      break;
    }
    await queue.return();
    expect(closes()).toBe(1);

    const other = eventQueue();
    const next = other.queue.next();
    other.queue[Symbol.dispose]();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(other.closes()).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../../src/fanout/client/EventQueue.ts';
import { GatewayError } from '../../../src/shared/errors.ts';

function setUp(): { queue: EventQueue<number>; values: number[]; closes: () => number } {
  const values: number[] = [];
  let closes = 0;
  const queue = new EventQueue<number>({ take: () => values.shift(), onClose: () => (closes += 1) });
  return { queue, values, closes: () => closes };
}

const DONE = { done: true, value: undefined };

describe('EventQueue', () => {
  it('gives a value at once if there is one, and otherwise when it is woken, in order', async () => {
    const { queue, values } = setUp();
    values.push(1);
    expect(await queue.next()).toEqual({ done: false, value: 1 });
    const [second, third] = [queue.next(), queue.next()];
    values.push(2, 3);
    queue.wake();
    expect(await second).toEqual({ done: false, value: 2 });
    expect(await third).toEqual({ done: false, value: 3 });
  });

  it('takes a value that is passed to it only if a reader waits, and serves the readers in order', async () => {
    const { queue } = setUp();
    expect(queue.pass(1)).toBe(false);
    const [first, second] = [queue.next(), queue.next()];
    expect([queue.pass(2), queue.pass(3), queue.pass(4)]).toEqual([true, true, false]);
    expect([(await first).value, (await second).value]).toEqual([2, 3]);
  });

  it('does not wake a reader if there is no value', async () => {
    const { queue, values } = setUp();
    const next = queue.next();
    queue.wake();
    expect(queue.hasWaiting).toBe(true);
    values.push(1);
    queue.wake();
    expect(await next).toEqual({ done: false, value: 1 });
  });

  it.each([
    ['return', (queue: EventQueue<number>) => queue.return()],
    ['throw', (queue: EventQueue<number>) => queue.throw(new Error('x')).catch(() => {})],
    [
      'dispose',
      (queue: EventQueue<number>) => {
        queue[Symbol.dispose]();
        return Promise.resolve();
      },
    ],
    ['asyncDispose', (queue: EventQueue<number>) => queue[Symbol.asyncDispose]()],
  ])('ends once by %s, and wakes a waiting reader', async (_name, end) => {
    const { queue, values, closes } = setUp();
    const waiting = queue.next();
    await end(queue);
    await end(queue);
    values.push(1);
    queue.wake();
    expect(await waiting).toEqual(DONE);
    expect(await queue.next()).toEqual(DONE);
    expect(closes()).toBe(1);
  });

  it('ends when the loop over it breaks', async () => {
    const { queue, values, closes } = setUp();
    values.push(1, 2);
    for await (const value of queue) if (value === 1) break;
    expect(closes()).toBe(1);
  });

  it.each([['waiting'], ['not waiting']])(
    'reports a failure once to a reader that is %s, and has then ended',
    async (how) => {
      const { queue, closes } = setUp();
      const before = how === 'waiting' ? queue.next() : null;
      const failure = new GatewayError('SLOW_CONSUMER', 'Too slow.');
      queue.fail(failure);
      queue.fail(new GatewayError('INTERNAL', 'Another.'));
      await expect(before ?? queue.next()).rejects.toBe(failure);
      expect(await queue.next()).toEqual(DONE);
      expect(closes()).toBe(1);
    },
  );
});

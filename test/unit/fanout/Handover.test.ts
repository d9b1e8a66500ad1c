import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../../src/fanout/client/EventQueue.ts';
import { GatewayError } from '../../../src/shared/errors.ts';

function setUp(): { handover: EventQueue<number>; values: number[]; closes: () => number } {
  const values: number[] = [];
  let closes = 0;
  const handover = new EventQueue<number>({ take: () => values.shift(), onClose: () => (closes += 1) });
  return { handover, values, closes: () => closes };
}

const DONE = { done: true, value: undefined };

describe('Handover', () => {
  it('gives what there is at once, and otherwise when it is offered, in order', async () => {
    const { handover, values } = setUp();
    values.push(1);
    expect(await handover.next()).toEqual({ done: false, value: 1 });
    const [second, third] = [handover.next(), handover.next()];
    values.push(2, 3);
    handover.wake();
    expect(await second).toEqual({ done: false, value: 2 });
    expect(await third).toEqual({ done: false, value: 3 });
  });

  it('takes what it is given only where somebody waits, whose turn comes first', async () => {
    const { handover } = setUp();
    expect(handover.pass(1)).toBe(false);
    const [first, second] = [handover.next(), handover.next()];
    expect([handover.pass(2), handover.pass(3), handover.pass(4)]).toEqual([true, true, false]);
    expect([(await first).value, (await second).value]).toEqual([2, 3]);
  });

  it('does not let an offer of nothing wake anybody', async () => {
    const { handover, values } = setUp();
    const next = handover.next();
    handover.wake();
    expect(handover.hasWaiting).toBe(true);
    values.push(1);
    handover.wake();
    expect(await next).toEqual({ done: false, value: 1 });
  });

  it.each([
    ['return', (handover: EventQueue<number>) => handover.return()],
    ['throw', (handover: EventQueue<number>) => handover.throw(new Error('x')).catch(() => {})],
    [
      'dispose',
      (handover: EventQueue<number>) => {
        handover[Symbol.dispose]();
        return Promise.resolve();
      },
    ],
    ['asyncDispose', (handover: EventQueue<number>) => handover[Symbol.asyncDispose]()],
  ])('ends once by %s, and wakes whoever waits', async (_name, end) => {
    const { handover, values, closes } = setUp();
    const waiting = handover.next();
    await end(handover);
    await end(handover);
    values.push(1);
    handover.wake();
    expect(await waiting).toEqual(DONE);
    expect(await handover.next()).toEqual(DONE);
    expect(closes()).toBe(1);
  });

  it('ends when the loop over it breaks', async () => {
    const { handover, values, closes } = setUp();
    values.push(1, 2);
    for await (const value of handover) if (value === 1) break;
    expect(closes()).toBe(1);
  });

  it.each([['waiting'], ['not waiting']])(
    'tells a failure once to a reader that is %s, and is at its end',
    async (how) => {
      const { handover, closes } = setUp();
      const before = how === 'waiting' ? handover.next() : null;
      const failure = new GatewayError('SLOW_CONSUMER', 'Too slow.');
      handover.fail(failure);
      handover.fail(new GatewayError('INTERNAL', 'Another.'));
      await expect(before ?? handover.next()).rejects.toBe(failure);
      expect(await handover.next()).toEqual(DONE);
      expect(closes()).toBe(1);
    },
  );
});

import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../../src/fanout/Emission.ts';
import { SubscriptionIndex } from '../../../src/fanout/SubscriptionIndex.ts';
import { Turn } from '../../../src/fanout/Turn.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { key, tick, trade } from '../../support/events.ts';

function subject() {
  const clock = new FakeClock();
  const turn = new Turn(clock);
  const index = new SubscriptionIndex(turn);
  /** What a subscriber gets: for each delivery the sequences in it, and whether it was all that the turn had. */
  const listen = (...keys: ReturnType<typeof key>[]) => {
    const heard: { readonly sequences: number[]; readonly direct: boolean }[] = [];
    const subscriber = {
      deliver: ({ emissions }: Delivery) => {
        heard.push({ sequences: emissions.map(({ event }) => event.sequence), direct: turn.isDirect });
      },
    };
    const memberships = keys.map((each) => index.join(each, subscriber).membership);
    return { heard, memberships };
  };
  return { clock, turn, index, listen };
}

describe('SubscriptionIndex', () => {
  it('hands out what one turn brought of a stream in one delivery', async () => {
    const { clock, index, listen } = subject();
    const { heard } = listen(key('tick'));
    for (const sequence of [1, 2, 3]) index.publish(key('tick'), tick(sequence), null);
    expect(heard).toEqual([]);
    await clock.advance(0);
    expect(heard).toEqual([{ sequences: [1, 2, 3], direct: true }]);
  });

  it('keeps the order across streams, and says that more comes where more streams had something', async () => {
    const { clock, index, listen } = subject();
    const { heard } = listen(key('tick'), key('trade'));
    index.publish(key('tick'), tick(1), null);
    index.publish(key('trade'), trade(2), null);
    index.publish(key('trade'), trade(3), null);
    index.publish(key('tick'), tick(4), null);
    await clock.advance(0);
    expect(heard.map(({ sequences }) => sequences)).toEqual([[1], [2, 3], [4]]);
    expect(heard.every(({ direct }) => !direct)).toBe(true);
  });

  it('tells who joins in the middle of a turn nothing of before, and those who were there all of it', async () => {
    const { clock, index, listen } = subject();
    const before = listen(key('tick'));
    index.publish(key('tick'), tick(1), null);
    const after = listen(key('tick'));
    index.publish(key('tick'), tick(2), null);
    await clock.advance(0);
    expect(before.heard.flatMap(({ sequences }) => sequences)).toEqual([1, 2]);
    expect(after.heard.flatMap(({ sequences }) => sequences)).toEqual([2]);
  });

  it('tells who has left nothing any more', async () => {
    const { clock, index, listen } = subject();
    const { heard, memberships } = listen(key('tick'));
    index.publish(key('tick'), tick(1), null);
    for (const membership of memberships) membership[Symbol.dispose]();
    await clock.advance(0);
    expect(heard).toEqual([]);
    expect(index.size).toBe(0);
  });

  it('gathers a bounded number of events in one delivery', async () => {
    const { clock, index, listen } = subject();
    const { heard } = listen(key('trade'));
    for (let sequence = 1; sequence <= 200; sequence += 1) index.publish(key('trade'), trade(sequence), null);
    await clock.advance(0);
    expect(heard.flatMap(({ sequences }) => sequences)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    expect(Math.max(...heard.map(({ sequences }) => sequences.length))).toBe(64);
  });
});

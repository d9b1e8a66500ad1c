import { expect, it } from 'vitest';
import { Outgoing } from '../../../src/bus/redis/Outgoing.ts';
import type { SentFrame } from '../../../src/bus/redis/Outgoing.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

const [TICKS, TRADES] = [keyOfType('tick'), keyOfType('trade')];

function outgoing() {
  const clock = new FakeClock();
  const sent: SentFrame[][] = [];
  return { clock, sent, out: new Outgoing({ fence: 1, clock, send: (frames) => sent.push([...frames]) }) };
}

const heads = (frames: readonly SentFrame[]): readonly string[] =>
  frames.map(({ frame }) => frame.split('\n')[0] ?? '');

it('events that come within a moment go out together, and each stream has numbers of its own', async () => {
  const { clock, sent, out } = outgoing();
  out.add(TICKS, numbered('tick', 1), false);
  out.add(TRADES, numbered('trade', 1), true);
  out.add(TICKS, numbered('tick', 2), false);
  expect(sent).toEqual([]);
  await clock.advance(2);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.map(({ kept, key, lines }) => [key, lines, kept])).toEqual([
    [TICKS, 2, 0],
    [TRADES, 1, 1],
  ]);
  out.add(TICKS, null, false);
  await clock.advance(2);
  expect(heads(sent[1] ?? [])[0]).toMatch(/^1 1 3 \d+ E$/);
});

it('many events, or large ones, do not wait', () => {
  const { sent, out } = outgoing();
  for (let n = 1; n <= 64; n += 1) out.add(TICKS, numbered('tick', n), false);
  expect(sent).toHaveLength(1);
  const large = {
    ...numbered('orderbook', 1),
    bids: Array.from({ length: 3_000 }, () => ({ price: '1.0', size: '1' })),
  };
  out.add(keyOfType('orderbook'), large as never, false);
  expect(sent).toHaveLength(2);
});

it('a snapshot goes out in its place, and has the number of the line that comes next', async () => {
  const { clock, sent, out } = outgoing();
  out.add(TRADES, numbered('trade', 1), true);
  out.addSnapshot(TRADES, { epoch: epochOf('e'), sequence: 1 }, [numbered('trade', 1)]);
  out.add(TRADES, numbered('trade', 2), true);
  await clock.advance(2);
  expect(sent.flatMap(heads).map((head) => head.split(' ').filter((_part, at) => at === 2 || at === 4))).toEqual([
    ['1', 'E'],
    ['2', 'S'],
    ['2', 'E'],
  ]);
  expect(sent[1]?.[0]?.kept).toBe(0);
});

it('nothing is sent after the end', async () => {
  const { clock, sent, out } = outgoing();
  out.add(TICKS, numbered('tick', 1), false);
  out[Symbol.dispose]();
  await clock.advance(10);
  expect(sent).toEqual([]);
});

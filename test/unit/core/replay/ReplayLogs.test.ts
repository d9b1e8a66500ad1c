import { expect, it } from 'vitest';
import { KEPT_MS, PAST_ROOM, VenueFeed } from '../../../../src/core/NumberedStream.ts';
import type { ReplayLog } from '../../../../src/core/replay/ReplayLog.ts';
import { ReplayLogs } from '../../../../src/core/replay/ReplayLogs.ts';
import { SharedEvent } from '../../../../src/fanout/frames/SharedEvent.ts';
import type { Encoder } from '../../../../src/fanout/frames/SharedEvent.ts';
import { streamKey } from '../../../../src/market/marketData.ts';
import type { StreamAddress } from '../../../../src/market/marketData.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { tradeDraft } from '../../../support/pastEvents.ts';

const EVENT_BYTES = 800;
const START = { epoch: 'abcdefghijkl', sequence: PAST_ROOM };
const channel = { publish: () => undefined, reset: () => undefined, [Symbol.dispose]: () => undefined };

function setUp(maxBytes: number) {
  const clock = new FakeClock();
  const logs = new ReplayLogs({ clock, maxBytes });
  /** A stream, and a function that lets so many trades come. */
  const open = (symbol: string) => {
    const address: StreamAddress & { type: 'trade' } = {
      scope: 'shared',
      broker: 'b',
      symbol,
      type: 'trade',
      interval: null,
    };
    const log = logs.open(streamKey(address), START);
    const feed = new VenueFeed({ address, start: START, channel, received: { count: 0 } });
    let id = 0;
    const trade = (count: number): SharedEvent[] =>
      Array.from({ length: count }, () => {
        id += 1;
        const event = new SharedEvent(log.key, feed.number(tradeDraft({ id, timeMs: clock.now() })));
        log.append(event);
        return event;
      });
    return { log, trade };
  };
  return { clock, logs, open };
}

const ids = (log: ReplayLog): number[] => log.events.after(0).map(({ place }) => place);

it('of one stream the newest thousand are kept, and a few more', () => {
  const { open } = setUp(Number.POSITIVE_INFINITY);
  const { log, trade } = open('A');
  trade(5_000);
  expect(log.events.length).toBeGreaterThanOrEqual(1_000);
  expect(log.events.length).toBeLessThan(1_100);
  expect(ids(log).at(-1)).toBe(5_000);
});

it('an event is kept for two minutes', async () => {
  const { clock, open } = setUp(Number.POSITIVE_INFINITY);
  const { log, trade } = open('A');
  trade(3);
  await clock.advance(60_000);
  trade(2);
  await clock.advance(KEPT_MS - 60_000 - 2_000);
  expect(ids(log)).toEqual([1, 2, 3, 4, 5]);
  await clock.advance(4_000);
  expect(ids(log)).toEqual([4, 5]);
  await clock.advance(60_000);
  expect(ids(log)).toEqual([]);
});

it('a log outlives its stream by two minutes, and begins anew with another epoch', async () => {
  const { clock, logs, open } = setUp(Number.POSITIVE_INFINITY);
  const { log, trade } = open('A');
  trade(3);
  log.end();
  await clock.advance(KEPT_MS - 2_000);
  expect(logs.get(log.key)).toBe(log);
  logs.open(log.key, { epoch: 'another-life', sequence: PAST_ROOM });
  expect(log.events.length).toBe(0);
  expect(logs.bytes).toBe(0);
  log.end();
  await clock.advance(KEPT_MS + 2_000);
  expect(logs.get(log.key)).toBeNull();
  expect(logs.size).toBe(0);
});

it('all streams together take no more than the bound, and the oldest go first', async () => {
  const { clock, logs, open } = setUp(100 * EVENT_BYTES);
  const [old, young] = [open('A'), open('B')];
  old.trade(40);
  await clock.advance(20_000);
  young.trade(40);
  await clock.advance(20_000);
  for (let n = 0; n < 10; n += 1) {
    young.trade(5);
    expect(logs.bytes).toBeLessThanOrEqual(100 * EVENT_BYTES);
  }
  expect(ids(old.log)).toEqual([]);
  expect(ids(young.log).at(-1)).toBe(90);
  expect(young.log.events.length).toBeGreaterThan(40);
});

it('encodings count, and an event with very many of them loses them', () => {
  const { logs, open } = setUp(Number.POSITIVE_INFINITY);
  const { log, trade } = open('A');
  const encoder = (text: string): Encoder => ({ isShared: true, encode: () => text });
  const [event] = trade(1);
  event?.frames(encoder('x'.repeat(1_000)));
  trade(1);
  expect(logs.bytes).toBe(2 * EVENT_BYTES + 3 * 1_000);
  const [other] = log.events.after(0).slice(-1);
  for (let n = 0; n < 10; n += 1) other?.sharedEvent.frames(encoder('x'.repeat(1_000)));
  trade(1);
  expect(logs.bytes).toBe(3 * EVENT_BYTES + 3 * 1_000);
  expect(other?.sharedEvent.encodedBytes).toBe(0);
});

it('what a subscriber is still to be sent is kept, up to ten times as much', async () => {
  const { clock, open } = setUp(Number.POSITIVE_INFINITY);
  const { log, trade } = open('A');
  let pressed = 0;
  using _held = log.hold(() => {
    pressed = log.events.length;
  });
  trade(5_000);
  await clock.advance(2 * KEPT_MS);
  expect(log.events.length).toBe(5_000);
  trade(5_001);
  expect(pressed).toBe(10_001);
  expect(log.events.length).toBe(1_000);
});

it('it goes last when memory is short, and its subscriber is called before', () => {
  const { logs, open } = setUp(100 * EVENT_BYTES);
  const [held, other] = [open('A'), open('B')];
  held.trade(60);
  let had: number[] = [];
  using _held = held.log.hold(() => {
    had = ids(held.log);
  });
  other.trade(60);
  expect(had).toEqual([]);
  expect(ids(held.log)).toHaveLength(60);
  held.trade(60);
  expect(logs.bytes).toBeLessThanOrEqual(100 * EVENT_BYTES);
  expect(had.length).toBeGreaterThan(95);
  expect(had.at(-1)).toBe(had.length);
});

it('nothing is left when they are disposed of', () => {
  const { clock, logs, open } = setUp(1_000);
  open('A').trade(1);
  logs[Symbol.dispose]();
  expect(clock.pending).toBe(0);
  expect(logs.size).toBe(0);
});

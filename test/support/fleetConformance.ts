import { expect, it } from 'vitest';
import { channelName } from '../../src/bus/redis/names.ts';
import { formatFrame, formatLine } from '../../src/bus/redis/frames.ts';
import type { StreamKey } from '../../src/market/marketData.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { BusPair, eventOf, keyFor, LeadingGateway } from './BusPair.ts';
import type { RedisServer } from './RedisServer.ts';
import { waitFor } from './waitFor.ts';

const KEY = keyFor('BTCUSDT');

/** Tests what a bus promises to gateways that share one server. `start` makes the server. */
export function promisesOfEveryFleet(start: () => Promise<RedisServer>): void {
  const pair = async (): Promise<BusPair> => BusPair.over(await start());

  it('passes on the events of each stream in order, with resets in their places, and nothing after the end', async () => {
    await using gateways = await pair();
    const { leader, receiver, seat } = gateways;
    const followed = seat.follow(KEY, false);
    await waitFor(() => leader.streams.has(KEY), 'the stream at the leader');
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 500; n += 1) leader.publish(KEY);
      leader.reset(KEY);
    }
    leader.publish(KEY);
    const numbers = Array.from({ length: 1_501 }, (_, at) => String(at + 1));
    const expected = [1_500, 1_000, 500].reduce((words, at) => words.toSpliced(at, 0, 'reset'), numbers);
    await waitFor(() => gateways.numbers.length === numbers.length, 'every event');
    expect(receiver.heard.slice(receiver.heard.indexOf('1'))).toEqual(expected);
    followed[Symbol.dispose]();
    const { length } = receiver.heard;
    expect(receiver.heard[length - 1]).toMatch(/^ends/);
    leader.publish(KEY);
    await waitFor(() => !leader.streams.has(KEY), 'the leader to have stopped');
    expect(receiver.heard).toHaveLength(length);
  });

  it('gives a gateway that joins the newest value and then everything, without a hole', async () => {
    await using gateways = await pair();
    const { leader, receiver, seat } = gateways;
    const timer = setInterval(() => {
      leader.publish(KEY);
    }, 1);
    try {
      for (let round = 0; round < 20; round += 1) {
        receiver.heard.length = 0;
        using _followed = seat.follow(KEY, false);
        await waitFor(() => gateways.numbers.length > 20, 'events');
        const [first = 0] = gateways.numbers;
        expect(gateways.numbers).toEqual(gateways.numbers.map((_number, at) => first + at));
      }
    } finally {
      clearInterval(timer);
    }
  });

  it('never leaves a stream mute or orphaned, however often it is wanted and given up', async () => {
    await using gateways = await pair();
    const { leader, redis, seat } = gateways;
    const random = seededRandom(7);
    const keys = Array.from({ length: 5 }, (_, n) => keyFor(`S${n}`));
    const followed = new Map<StreamKey, Disposable>();
    const toggle = (key: StreamKey): void => {
      const held = followed.get(key);
      if (held === undefined) followed.set(key, seat.follow(key, false));
      else {
        followed.delete(key);
        held[Symbol.dispose]();
      }
    };
    for (let step = 0; step < 10_000; step += 1) {
      toggle(keys[Math.floor(random() * keys.length)] ?? KEY);
      if (step % 50 === 0) await new Promise(setImmediate);
    }
    for (const key of keys) if (!followed.has(key)) toggle(key);
    await waitFor(() => keys.every((key) => leader.streams.has(key)), 'all streams at the leader');
    for (const key of keys) {
      const before = gateways.numbers.length;
      await waitFor(() => {
        leader.publish(key);
        return gateways.numbers.length >= before + 10;
      }, `events of ${key}`);
    }
    for (const key of keys) toggle(key);
    await waitFor(() => leader.streams.size === 0, 'no stream at the leader');
    await waitFor(async () => !JSON.stringify(await redis.ask('PUBSUB', 'CHANNELS')).includes(':ch:'), 'no channel');
  });

  it('gets nothing of what flows because of a client’s own credentials', async () => {
    await using redis = await start();
    using monitor = await redis.monitor();
    await using leader = new LeadingGateway(redis);
    await waitFor(() => leader.isLeading, 'a leader');
    const own = keyFor('SECRET', 'trade', 'scope-of-a-client');
    const shared = keyFor('OPEN', 'trade');
    for (const key of [own, shared]) {
      leader.open(key);
      for (let n = 1; n <= 100; n += 1) leader.publish(key);
    }
    await waitFor(() => monitor.lines.some((line) => line.includes('OPEN')), 'the shared stream in Redis');
    await redis.ask('PING', 'the end');
    await waitFor(() => monitor.lines.some((line) => line.includes('the end')), 'everything that Redis was told');
    expect(monitor.lines.filter((line) => /SECRET|scope-of-a-client/.test(line))).toEqual([]);
  });

  it('is not disturbed by anything else that comes on its channels', async () => {
    await using gateways = await pair();
    const { leader, metrics, redis, receiver, seat } = gateways;
    using _followed = seat.follow(KEY, false);
    await waitFor(() => leader.streams.has(KEY), 'the stream at the leader');
    leader.publish(KEY);
    await waitFor(() => gateways.numbers.length === 1, 'the first event');
    const [channel, control] = [channelName('test', KEY), 'test:1:{binance}:ctl'];
    const before = [...receiver.heard];
    for (const text of foreignFrames()) await redis.ask('PUBLISH', channel, text);
    for (const text of FOREIGN_MESSAGES) await redis.ask('PUBLISH', control, text);
    leader.publish(KEY);
    await waitFor(() => gateways.numbers.length === 2, 'the second event');
    expect(receiver.heard).toEqual([...before, '2']);
    expect([leader.isLeading, [...leader.streams.keys()]]).toEqual([true, [KEY]]);
    const { values } = await metrics.invalidMessages.get();
    // One of the frames is a good one, of a leader of long ago.
    expect(values.map(({ value }) => value)).toEqual([foreignFrames().length - 1 + FOREIGN_MESSAGES.length]);
  });
}

/** Frames that neither the leader nor another gateway of this version sends on the channel of KEY. */
function foreignFrames(): readonly string[] {
  const fence = Math.floor(Date.now() / 1_000);
  const frame = { fence: fence + 3_600, first: 1, sentMs: Date.now(), start: null };
  const other = formatLine(eventOf(keyFor('ETHUSDT'), 7));
  const own = formatLine(eventOf(KEY, 7));
  return [
    '',
    'hello',
    '{"price":"1"}',
    formatFrame({ ...frame, lines: [other] }),
    formatFrame({ ...frame, lines: [own, other] }),
    formatFrame({ ...frame, lines: [own.slice(0, -1)] }),
    formatFrame({ ...frame, fence: fence + 10 * 86_400, lines: [own] }),
    formatFrame({ ...frame, lines: [own] }).replace(/^1/, '2'),
    formatFrame({ ...frame, fence: 1, start: { epoch: 'zzzzzzzzzzzz', sequence: 7 }, lines: [own] }),
  ];
}

const FOREIGN_MESSAGES: readonly string[] = [
  '',
  'hello',
  '{"kind":"want"}',
  JSON.stringify({ kind: 'beat', node: 'x', fence: 99_999_999_999, next: [] }),
  JSON.stringify({ kind: 'want', node: 'x', keys: [keyFor('S', 'tick', 'scope-of-a-client')], isAll: true }),
  JSON.stringify({ kind: 'want', node: 'x', keys: ['["shared","oanda","EUR_USD","tick",null]'], isAll: true }),
  JSON.stringify({ kind: 'want', node: 'x', keys: ['["shared","binance","BTCUSDT","funding",null]'], isAll: true }),
];

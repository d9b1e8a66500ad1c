import { expect, it } from 'vitest';
import { KEPT_EVENTS, LedStreams } from '../../../src/bus/redis/LedStreams.ts';
import type { Channel } from '../../../src/bus/EventBus.ts';
import type { MarketData, StreamKey } from '../../../src/market/marketData.ts';
import { parseFrame } from '../../../src/bus/redis/frames.ts';
import { addressOf, streamKey } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

const [TICKS, TRADES, CANDLES] = [keyOfType('tick'), keyOfType('trade'), keyOfType('candle')];
const START = { epoch: epochOf('e'), sequence: 0 };
const LOG = 'p:1:{binance}:log:trade:BTCUSDT';

/** A leader's streams, its subscribers and its Redis. */
class Subject {
  readonly clock = new FakeClock();
  /** The commands of each write. */
  readonly writes: string[][][] = [];
  readonly local: string[] = [];
  readonly wanted = new Set<StreamKey>();
  readonly published: MarketData[] = [];
  isHeld = true;
  /** Tells the last write that had commands that it has failed. */
  fail: () => void = () => undefined;
  readonly led = new LedStreams({
    broker: 'binance',
    prefix: 'p',
    clock: this.clock,
    metrics: new Metrics(),
    link: {
      send: (commands, onFailed) => {
        if (commands.length === 0) return;
        this.writes.push(commands.map((command) => [...command]));
        if (onFailed !== undefined) this.fail = onFailed;
      },
    },
    receiver: () => ({ receive: () => this.channel, known: () => this.published }),
    wanted: () => this.wanted,
  });
  readonly channel: Channel = {
    publish: (event) => {
      this.published.push(event);
      this.local.push(`${event.sequence}`);
    },
    reset: () => this.local.push('reset'),
    [Symbol.dispose]: () => this.local.push('ends'),
  };

  begin(fence = 1): void {
    this.led.begin(fence, () => this.isHeld);
  }

  open(key: StreamKey): Channel {
    return this.led.open(key, START, this.channel);
  }

  /** Publishes trades, each in a frame of its own. */
  trades(channel: Channel, from: number, to: number): void {
    for (let n = from; n <= to; n += 1) {
      channel.publish(numbered('trade', n));
      this.led.flush();
    }
  }

  /** Publishes a trade and sends it. Returns the numbers in the entry that Redis is to keep, and whether it is the only one. */
  keepTrade(channel: Channel): { readonly numbers: readonly number[]; readonly isAlone: boolean } {
    this.writes.splice(0);
    const n = this.published.length + 1;
    this.trades(channel, n, n);
    const [, , , maximum, ...rest] = this.writes.flat().find(([name]) => name === 'XADD') ?? [];
    const lines = parseFrame(addressOf(TRADES), rest.at(-1) ?? '')?.lines ?? [];
    return { numbers: lines.map((line) => line?.sequence ?? 0), isAlone: maximum === '1' };
  }

  /** The names of the commands that were sent since the last time, with the headers of frames. */
  sent(): readonly string[] {
    return this.writes
      .splice(0)
      .flat()
      .map((command) => [command[0], command.at(-1)?.split('\n')[0]].join(' ').replace(/ \d{13} /, ' '));
  }
}

/** How long Redis was told to keep the log, each time. */
function lengths(writes: readonly string[][][]): readonly number[] {
  return writes.flat().flatMap(([name, , , , length]) => (name === 'XADD' ? [Number(length)] : []));
}

it('own subscribers have an event before others, and also while nothing may be published', () => {
  const subject = new Subject();
  subject.wanted.add(TICKS);
  const channel = subject.open(TICKS);
  channel.publish(numbered('tick', 1));
  expect([subject.local, subject.sent()]).toEqual([['1'], []]);
  subject.begin();
  subject.sent();
  channel.publish(numbered('tick', 2));
  channel.reset();
  expect([subject.local, subject.sent()]).toEqual([['1', '2', 'reset'], []]);
  subject.led.flush();
  expect(subject.sent()).toEqual(['PUBLISH 1 1 1 E']);
  channel[Symbol.dispose]();
  expect(subject.local.at(-1)).toBe('ends');
});

it('what nobody wants is not published; trades and closed candles are kept all the same', () => {
  const subject = new Subject();
  subject.begin();
  const [ticks, trades, candles] = [TICKS, TRADES, CANDLES].map((key) => subject.open(key));
  ticks?.publish(numbered('tick', 1));
  trades?.publish(numbered('trade', 1));
  candles?.publish({ ...numbered('candle', 1), closed: false } as MarketData);
  candles?.publish(numbered('candle', 2));
  subject.led.flush();
  expect(subject.writes.flat().map(([name, log]) => [name, log])).toEqual([
    ['XADD', LOG],
    ['PEXPIRE', LOG],
    ['XADD', 'p:1:{binance}:log:candle:BTCUSDT:1m'],
    ['PEXPIRE', 'p:1:{binance}:log:candle:BTCUSDT:1m'],
  ]);
});

it('what may not be lost is kept before others have it, in the same write', () => {
  const subject = new Subject();
  subject.begin();
  subject.wanted.add(TRADES);
  subject.open(TRADES).publish(numbered('trade', 1));
  subject.sent();
  subject.led.flush();
  expect(subject.writes).toHaveLength(1);
  const [[add = [], expire = [], publish = []] = []] = subject.writes;
  expect([add[0], expire[0], publish[0], add.at(-1)]).toEqual(['XADD', 'PEXPIRE', 'PUBLISH', publish.at(-1)]);
});

it('a stream of a client never gets as far as Redis, whether it is wanted or kept: who publishes it is stopped', () => {
  const subject = new Subject();
  const own = streamKey({ ...addressOf(TRADES), scope: 'scope-of-a-client' });
  const REFUSED = 'a stream of a client was about to be published';
  subject.begin();
  subject.open(own).publish(numbered('trade', 1));
  expect(() => {
    subject.led.flush();
  }).toThrow(REFUSED);
  subject.wanted.add(own);
  expect(() => subject.open(own)).toThrow(REFUSED);
  expect(subject.writes).toEqual([]);
});

it('so many frames are kept as have the newest events, whether one is in each or many', () => {
  const subject = new Subject();
  subject.begin();
  const channel = subject.open(TRADES);
  subject.trades(channel, 1, KEPT_EVENTS + 500);
  expect(lengths(subject.writes.splice(0)).at(-1)).toBe(KEPT_EVENTS);
  // Frames of 64 events: sixteen of them have the newest thousand.
  for (let n = 0; n < 64 * 40; n += 1) channel.publish(numbered('trade', KEPT_EVENTS + 501 + n));
  expect(lengths(subject.writes).at(-1)).toBe(Math.ceil(KEPT_EVENTS / 64));
});

it('what the leader before has kept stays, until this one has published as much', () => {
  const subject = new Subject();
  subject.begin(2);
  subject.trades(subject.open(TRADES), 301, 310);
  expect(lengths(subject.writes)).toHaveLength(10);
  for (const length of lengths(subject.writes)) expect(length).toBeGreaterThanOrEqual(310);
});

it('what Redis keeps of a stream is sent whole after a write has failed: whoever leads next takes it for complete', () => {
  const subject = new Subject();
  subject.begin();
  const channel = subject.open(TRADES);
  expect(subject.keepTrade(channel)).toEqual({ numbers: [1], isAlone: false });
  expect(subject.keepTrade(channel)).toEqual({ numbers: [2], isAlone: false });
  subject.fail();
  expect(subject.keepTrade(channel)).toEqual({ numbers: [1, 2, 3], isAlone: true });
  expect(subject.keepTrade(channel)).toEqual({ numbers: [4], isAlone: false });
});

it('a Redis that refuses to keep anything is not sent all of it with each event', async () => {
  const subject = new Subject();
  subject.begin();
  const channel = subject.open(TRADES);
  for (const numbers of [[1], [1, 2], [3], [4], [1, 2, 3, 4, 5], [6]]) {
    if (numbers.length === 5) await subject.clock.advance(1_000);
    expect(subject.keepTrade(channel).numbers).toEqual(numbers);
    subject.fail();
  }
});

it('what went only to subscribers of the leader between two tenures is in Redis in the second one', () => {
  const subject = new Subject();
  subject.begin(1);
  const channel = subject.open(TRADES);
  subject.keepTrade(channel);
  subject.led.end();
  channel.publish(numbered('trade', 2));
  subject.begin(2);
  expect(subject.keepTrade(channel).numbers).toEqual([1, 2, 3]);
  expect(subject.keepTrade(channel).numbers).toEqual([4]);
});

it('the end of what is kept is put off now and then, not with each event', async () => {
  const subject = new Subject();
  subject.begin();
  const channel = subject.open(TRADES);
  const count = (): number => subject.writes.flat().filter(([name]) => name === 'PEXPIRE').length;
  subject.trades(channel, 1, 10);
  expect(count()).toBe(1);
  await subject.clock.advance(20_000);
  subject.trades(channel, 11, 20);
  expect(count()).toBe(2);
});

it('a tenure begins with a snapshot of each stream that is wanted, and numbers its lines from 1', () => {
  const subject = new Subject();
  subject.wanted.add(TICKS);
  subject.published.push(numbered('tick', 7));
  subject.begin(4);
  const channel = subject.open(TICKS);
  channel.publish(numbered('tick', 8));
  subject.begin(5);
  channel.publish(numbered('tick', 9));
  subject.led.flush();
  expect(subject.sent()).toEqual([
    `PUBLISH 1 4 1 S ${epochOf('e')} 0`,
    `PUBLISH 1 5 1 S ${epochOf('e')} 8`,
    'PUBLISH 1 5 1 E',
  ]);
});

it('nothing is published under a fence that is not held any more', () => {
  const subject = new Subject();
  subject.wanted.add(TICKS);
  subject.begin();
  const channel = subject.open(TICKS);
  subject.sent();
  channel.publish(numbered('tick', 1));
  subject.isHeld = false;
  subject.led.flush();
  subject.led.sendSnapshot(TICKS);
  expect(subject.sent()).toEqual([]);
  subject.isHeld = true;
  subject.led.end();
  channel.publish(numbered('tick', 2));
  subject.led.flush();
  expect(subject.sent()).toEqual([]);
});

it('says which line comes next of streams that are wanted, once for each change', () => {
  const subject = new Subject();
  subject.begin();
  const [ticks, trades] = [subject.open(TICKS), subject.open(TRADES)];
  subject.wanted.add(TICKS);
  ticks.publish(numbered('tick', 1));
  trades.publish(numbered('trade', 1));
  subject.led.flush();
  expect(subject.led.newPlaces()).toEqual([[TICKS, 2]]);
  expect(subject.led.newPlaces()).toEqual([]);
  subject.begin(2);
  subject.led.flush();
  expect(subject.led.newPlaces()).toEqual([[TICKS, 1]]);
});

it('a stream that has ended has no snapshot, and the end of an older one does not end its successor', () => {
  const subject = new Subject();
  subject.begin();
  subject.wanted.add(TICKS);
  const [older, newer] = [subject.open(TICKS), subject.open(TICKS)];
  subject.sent();
  older[Symbol.dispose]();
  subject.led.sendSnapshot(TICKS);
  expect(subject.sent()).toHaveLength(1);
  newer[Symbol.dispose]();
  subject.led.sendSnapshot(TICKS);
  expect(subject.sent()).toEqual([]);
});

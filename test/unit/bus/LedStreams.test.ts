import { expect, it } from 'vitest';
import { LedStreams } from '../../../src/bus/redis/LedStreams.ts';
import { parseFrame } from '../../../src/bus/redis/frames.ts';
import { addressOf } from '../../../src/market/marketData.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

const TRADES = keyOfType('trade');

/** A leader of one stream of trades, and the numbers of the events in each entry that it adds to what Redis keeps. */
function leader() {
  const clock = new FakeClock();
  const entries: { readonly events: readonly number[]; readonly isAlone: boolean }[] = [];
  const published: MarketData[] = [];
  let failed: (() => void) | undefined;
  const led = new LedStreams({
    broker: 'binance',
    prefix: 'test',
    clock,
    metrics: new Metrics(),
    wanted: () => new Set(),
    receiver: () => ({ known: () => published, receive: () => local }),
    link: {
      send: (commands, onFailed) => {
        failed = onFailed;
        for (const [name, _log, _maxlen, ...rest] of commands) {
          if (name !== 'XADD') continue;
          const lines = parseFrame(addressOf(TRADES), rest.at(-1) ?? '')?.lines ?? [];
          entries.push({ events: lines.map((line) => line?.sequence ?? 0), isAlone: rest[0] === '1' });
        }
      },
    },
  });
  const local = {
    publish: (event: MarketData) => published.push(event),
    reset: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  const begin = (fence: number): void => {
    led.begin(fence, () => true);
  };
  begin(1);
  const channel = led.open(TRADES, { epoch: epochOf('e'), sequence: 0 }, local);
  const publish = async (afterMs = 0): Promise<readonly number[] | undefined> => {
    await clock.advance(afterMs);
    channel.publish(numbered('trade', published.length + 1));
    await clock.advance(2);
    return entries.at(-1)?.events;
  };
  return { begin, entries, led, publish, fail: () => failed?.() };
}

it('what Redis keeps of a stream is sent whole after a write has failed: whoever leads next takes it for complete', async () => {
  const { entries, fail, publish } = leader();
  expect(await publish()).toEqual([1]);
  expect(await publish()).toEqual([2]);
  fail();
  expect(await publish()).toEqual([1, 2, 3]);
  expect(entries.at(-1)?.isAlone).toBe(true);
  expect(await publish()).toEqual([4]);
});

it('a Redis that refuses to keep anything is not sent all of it with each event', async () => {
  const { fail, publish } = leader();
  for (const events of [[1], [1, 2], [3], [4], [1, 2, 3, 4, 5], [6]]) {
    expect(await publish(events.length === 5 ? 1_000 : 0)).toEqual(events);
    fail();
  }
});

it('what went only to subscribers of the leader between two tenures is in Redis in the second one', async () => {
  const { begin, led, publish } = leader();
  await publish();
  led.end();
  await publish();
  begin(2);
  expect(await publish()).toEqual([1, 2, 3]);
  expect(await publish()).toEqual([4]);
});

import { expect, it } from 'vitest';
import { FollowedStreams } from '../../../src/bus/redis/FollowedStreams.ts';
import { NO_EPOCH } from '../../../src/market/cursor.ts';
import type { StreamStart } from '../../../src/market/cursor.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

/** Where the gateway begins a stream that it follows, with these events that it has from before. */
function startOf(known: readonly MarketData[], goesOn: boolean): StreamStart | undefined {
  const starts: StreamStart[] = [];
  const channel = { publish: () => undefined, reset: () => undefined, [Symbol.dispose]: () => undefined };
  using streams = new FollowedStreams({
    broker: 'binance',
    prefix: 'tickgraph',
    link: { subscribe: () => Promise.resolve(), unsubscribe: () => Promise.resolve() },
    clock: new FakeClock(),
    metrics: new Metrics(),
    receiver: () => ({
      receive: (_key, start) => {
        starts.push(start);
        return channel;
      },
      known: () => known,
    }),
    onLeader: () => undefined,
    ask: () => undefined,
    onJoined: () => undefined,
    onLeft: () => undefined,
  });
  using _followed = streams.follow(keyOfType('trade'), goesOn);
  return starts[0];
}

it('a stream that is followed has no numbers until its leader has been heard, unless it was produced here before', () => {
  const last = numbered('trade', 7);
  expect(startOf([], false)).toEqual({ epoch: NO_EPOCH, sequence: 0 });
  expect(startOf([last], false)).toEqual({ epoch: NO_EPOCH, sequence: 0 });
  expect(startOf([last], true)).toEqual({ epoch: epochOf('e'), sequence: 7 });
});

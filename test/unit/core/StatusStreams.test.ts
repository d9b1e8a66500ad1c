import { expect, it } from 'vitest';
import type { EventBus, StreamPast } from '../../../src/bus/EventBus.ts';
import { Numberings } from '../../../src/core/NumberedStream.ts';
import { StatusStreams } from '../../../src/core/StatusStreams.ts';
import type { SymbolStatus } from '../../../src/core/FeedMonitor.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { status } from '../../support/events.ts';

/** The statuses of an account, what is published of them, and what the fleet knows of those before. */
function subject(isAlone: boolean) {
  const past = Promise.withResolvers<StreamPast>();
  const published: string[] = [];
  const bus: EventBus = {
    health: { engine: 'redis', state: 'ok', reason: null },
    fleet: null,
    open: (_key, { sequence }, { known, missed } = { known: [], missed: [] }) => {
      published.push(`opens at ${sequence} behind ${known.length} and ${missed.length}`);
      return {
        publish: (event) => published.push(`${event.sequence} ${event.type === 'status' ? event.state : ''}`),
        reset: () => undefined,
        [Symbol.dispose]: () => published.push('closes'),
      };
    },
    subscribe: () => ({ [Symbol.dispose]: () => undefined }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const clock = new FakeClock();
  const numberings = new Numberings(clock, () => 'abcdefghijkl');
  const options = { id: 'binance', scope: 'shared', bus, clock, numberings };
  const statuses = new StatusStreams({ ...options, past: () => (isAlone ? null : past.promise) });
  const publish = (state: SymbolStatus['state']): void => {
    statuses.publish('BTCUSDT', { state, reason: null, since: null, gap: null, feeds: [] });
  };
  return { statuses, past, publish, heard: () => published.splice(0) };
}

it('a gateway that is alone publishes statuses at once', () => {
  const { heard, publish, statuses } = subject(true);
  publish('recovering');
  publish('live');
  statuses.close('BTCUSDT');
  publish('stale');
  expect(heard()).toEqual([
    'opens at 0 behind 0 and 0',
    '1 recovering',
    '2 live',
    'closes',
    'opens at 2 behind 0 and 0',
    '3 stale',
  ]);
});

it('in a fleet they wait for those before them, and go on behind their numbers', async () => {
  const { heard, past, publish } = subject(false);
  publish('recovering');
  publish('live');
  expect(heard()).toEqual([]);
  past.resolve({ known: [status(6)], missed: [status(7)] });
  await past.promise;
  publish('stale');
  expect(heard()).toEqual(['opens at 100007 behind 1 and 1', '100008 recovering', '100009 live', '100010 stale']);
});

it.each(['close', 'clear'] as const)(
  'what waits is given up with its symbol, or if another gateway leads: %s',
  async (end) => {
    const { heard, past, publish, statuses } = subject(false);
    publish('recovering');
    statuses[end]('BTCUSDT');
    past.resolve({ known: [], missed: [] });
    await past.promise;
    expect(heard()).toEqual([]);
    publish('live');
    await past.promise;
    expect(heard()).toEqual(['opens at 0 behind 0 and 0', '1 live']);
  },
);

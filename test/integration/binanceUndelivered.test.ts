import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { BOOK, startBinanceBroker, TICK, TRADE } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';

const SECONDS = feedOf('BTCUSDT', 'candle', '1s');
const FEEDS = [
  ['trade', TRADE, 'btcusdt@trade'],
  ['candle', SECONDS, 'btcusdt@kline_1s'],
  ['orderbook', BOOK, 'btcusdt@depth@100ms'],
  ['tick', TICK, 'btcusdt@bookTicker'],
] as const;

/** How often the log warns of it. */
function warnings({ log }: { readonly log: readonly string[] }, message: string): number {
  return log.filter((line) => line.includes('"level":40') && line.includes(message)).length;
}

describe('a venue that acknowledges a stream and never sends it', () => {
  it.each(FEEDS)(
    'has its %s feed reported as stale, asked for again, and live once it comes',
    async (_, feed, stream) => {
      await using test = await startBinanceBroker([TICK, TRADE, BOOK, SECONDS]);
      const { venue, clock } = test;
      venue.faults.ackButSilent(stream);
      await venue.waitForSubscription(stream);
      const renewals = (): number =>
        venue.controlFrames.filter(({ message }) => JSON.stringify(message).includes('UNSUBSCRIBE')).length;
      {
        using _market = venue.run({ everyMs: 500 });
        const isStale = (): boolean => {
          const last = test.conditions(feed).at(-1);
          return last?.kind === 'stale' && last.reason.startsWith('The venue has more');
        };
        await clock.hurryUntil(isStale, 'the feed to be stale');
        await waitFor(() => renewals() === 1, 'the stream to be subscribed again');
        expect(warnings(test, 'stream does not deliver what the venue has')).toBe(1);
        venue.faults.ackButSilent(null);
        await clock.hurryUntil(
          () => test.state(feed) === 'live' && test.events(feed).length > 0,
          'the feed to be live',
        );
      }
    },
  );
});

it('a connection over which data stops while pings go on is replaced, and nothing is lost', async () => {
  await using test = await startBinanceBroker([TICK, TRADE]);
  const { venue, clock } = test;
  await test.waitForState('live', TICK, TRADE);
  using _market = venue.run({ everyMs: 100 });
  await clock.hurryUntil(() => test.events(TICK).length > 100 && test.tradeIds().length > 20, 'a busy market');
  venue.faults.muteOpenSockets();
  await clock.hurryUntil(() => test.state(TICK) === 'stale', 'the silence to be noticed');
  await clock.hurryUntil(() => test.state(TICK) === 'live', 'the next connection');
  await clock.hurryUntil(() => venue.sockets.length === 1 && venue.handshakes === 2, 'the old connection to end');
  const ids = test.tradeIds();
  expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
  expect(test.gaps(TRADE)).toEqual([]);
  expect(warnings(test, 'connection to the venue does not deliver, replacing it')).toBe(1);
});

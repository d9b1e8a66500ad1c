import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';

const TICK = feedOf('EUR_USD', 'tick');
const YEN = feedOf('USD_JPY', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');

type Scene = Awaited<ReturnType<typeof startOandaBroker>>;

function warnings({ log }: Scene, message: string): number {
  return log.filter((line) => line.includes('"level":40') && line.includes(message)).length;
}

const pricesAsked = ({ venue }: Scene): number => venue.requests.filter(({ path }) => path.endsWith('/pricing')).length;

describe('a stream of OANDA over which only heartbeats come', () => {
  it('is replaced once the venue is known to have newer prices, and the next one delivers', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, YEN]);
    const { venue, clock } = gateway;
    await gateway.waitForState('live', TICK, BOOK, YEN);
    using _run = venue.run({ everyMs: 100 });
    await clock.hurryUntil(() => gateway.ticks(TICK).length > 20, 'a busy market');
    venue.faults.muteOpenStreams();
    await gateway.waitForState('stale', TICK, BOOK);
    expect(gateway.conditions(TICK).at(-1)).toMatchObject({ reason: expect.stringContaining('newer price') as string });
    await gateway.waitForState('live', TICK, BOOK, YEN);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['live', 'stale', 'live']);
    expect(venue.streamAttempts()).toBe(2);
    await clock.hurryUntil(() => venue.streams.length === 1, 'the old stream to end');
    expect(warnings(gateway, 'stream of the venue does not deliver, replacing it')).toBe(1);
    expect((await gateway.metrics.reconnects.get()).values).toMatchObject([{ value: 1 }]);
  });

  it('from its beginning is replaced, too', async () => {
    await using gateway = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        faults.stream.noPrices = true;
      },
    });
    await gateway.waitForState('stale', TICK);
    gateway.venue.faults.muteOpenStreams();
    gateway.venue.faults.stream.noPrices = false;
    await gateway.waitForState('live', TICK);
    expect(gateway.venue.streamAttempts()).toBe(2);
  });

  it('is replaced ever more rarely if no other delivers either', async () => {
    await using gateway = await startOandaBroker([TICK], { venue: { heartbeatMs: 1_000 } });
    const { venue, clock } = gateway;
    await gateway.waitForState('live', TICK);
    venue.faults.stream.noPrices = true;
    venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await gateway.waitForState('stale', TICK);
    await clock.skip(600_000);
    expect(venue.streamAttempts()).toBeGreaterThan(2);
    expect(venue.streamAttempts()).toBeLessThan(9);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['live', 'stale']);
  });

  it('is left alone while the venue has nothing newer, and the venue is asked ever more rarely', async () => {
    await using gateway = await startOandaBroker([TICK], { venue: { heartbeatMs: 1_000 } });
    await gateway.waitForState('live', TICK);
    await gateway.clock.skip(300_000);
    expect(pricesAsked(gateway)).toBeGreaterThan(1);
    expect(pricesAsked(gateway)).toBeLessThan(8);
    expect(gateway.conditions(TICK)).toEqual([{ kind: 'live' }]);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });
});

import { expect, it } from 'vitest';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { RawClient } from '../support/RawClient.ts';
import { standInBroker, startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const HOUR_MS = 3_600_000;
const BROKERS = ['binance', 'mock'];

/** Real time whose wall clock can be set, as by an administrator or a time server. */
function settableClock(): Clock & { offsetMs: number } {
  const clock = { ...systemClock, offsetMs: 0, now: () => systemClock.now() + clock.offsetMs };
  return clock;
}

it.each([HOUR_MS, -HOUR_MS])(
  'a jump of the wall clock by %i ms is not seen by a subscriber: nothing is stale or closed, and everything goes on',
  async (jumpMs) => {
    const clock = settableClock();
    await using venue = await StandInBinance.start();
    await using gateway = await startGateway({
      clock,
      config: {
        feeds: { staleAfterMs: 200 },
        heartbeat: { graphqlMs: 1_000, rawMs: 1_000 },
        brokers: { binance: standInBroker(venue), mock: { kind: 'mock-binance', ticksPerSecond: 20 } },
      },
    });
    await using raw = await RawClient.connect(gateway.urls.raw);
    for (const broker of BROKERS) await raw.subscribe(broker, ['BTCUSDT'], ['tick', 'trade']);
    await using graphql = await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws'));
    graphql.subscribe(
      '1',
      'subscription { marketData(broker: "mock", symbols: ["BTCUSDT"], types: [TICK, STATUS]) { type ... on FeedStatus { state } } }',
    );
    await venue.waitForSubscription('btcusdt@bookTicker');
    const count = (broker: string, type: string): number =>
      raw.messages.filter(
        ({ type: kind, broker: id, data }) =>
          kind === 'data' && id === broker && (data as { readonly type: string }).type === type,
      ).length;
    /** Long enough that silence would be noticed, and a heartbeat missed. */
    const goOn = async (forMs: number): Promise<void> => {
      const end = systemClock.monotonic() + forMs;
      const ticks = BROKERS.map((broker) => count(broker, 'tick'));
      await waitFor(() => {
        venue.market('BTCUSDT').tick();
        venue.market('BTCUSDT').trade();
        return (
          systemClock.monotonic() >= end && BROKERS.every((broker, n) => count(broker, 'tick') > (ticks[n] ?? 0) + 5)
        );
      }, 'both brokers to go on');
    };
    await goOn(300);
    const [statuses, graphqlMessages] = [raw.messages.length, graphql.messages.length];
    clock.offsetMs = jumpMs;
    await goOn(1_500);

    expect(raw.messages.slice(statuses).filter(({ type }) => type !== 'data')).toEqual([]);
    const told = graphql.messages.slice(graphqlMessages);
    expect(told.length).toBeGreaterThan(5);
    expect(JSON.stringify(told)).not.toContain('"STATUS"');
    expect([raw.closed, graphql.closed]).toEqual([null, null]);
    expect(gateway.parts.brokers.map(({ state }) => state)).toEqual(['connected', 'connected']);
  },
);

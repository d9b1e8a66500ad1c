import { expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { CuttingProxy } from '../support/CuttingProxy.ts';
import { FeedAuditor } from '../support/FeedAuditor.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const HEARTBEAT_MS = 200;
const LINGER_MS = 400;
const BTC = { broker: 'binance', symbol: 'BTCUSDT', types: ['tick', 'trade'] } as const;
const ETH = { ...BTC, symbol: 'ETHUSDT' } as const;

/** The address of the gateway behind the proxy. */
function behind({ port }: CuttingProxy): Pick<MarketDataServer, 'urls'> {
  const http = `http://127.0.0.1:${port}`;
  return { urls: { http, graphql: `${http}/graphql`, raw: `${http}/ws` } };
}

async function subscriptions({ metrics }: MarketDataServer): Promise<number> {
  return (await metrics.subscriptions.get()).values.reduce((sum, { value }) => sum + value, 0);
}

it.each(['raw', 'graphql'] as const)(
  'a client whose network is gone without a word is given up after two heartbeats, what it alone wanted is closed after the linger, and others miss nothing: %s',
  async (protocol) => {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(await StandInBinance.start());
    const gateway = stack.use(
      await startGateway({
        lingerMs: LINGER_MS,
        config: {
          brokers: { binance: standInBroker(venue) },
          heartbeat: { graphqlMs: HEARTBEAT_MS, rawMs: HEARTBEAT_MS },
        },
      }),
    );
    const proxy = stack.use(await CuttingProxy.to(Number(new URL(gateway.urls.http).port)));
    const lost = stack.use(await FeedAuditor[protocol](behind(proxy), BTC));
    const neighbours = [
      stack.use(await FeedAuditor.raw(gateway, ETH)),
      stack.use(await FeedAuditor.graphql(gateway, ETH)),
    ];
    using _traffic = venue.run({ everyMs: 10 });
    await waitFor(() => [lost, ...neighbours].every(({ tradeIds }) => tradeIds.length > 5), 'trades for all');
    expect(await subscriptions(gateway)).toBe(3);

    proxy.freeze();
    const frozenAtMs = performance.now();
    await waitFor(async () => (await subscriptions(gateway)) === 2, 'the client to be given up');
    const givenUpAtMs = performance.now();
    expect(givenUpAtMs - frozenAtMs).toBeLessThan(2 * HEARTBEAT_MS + 500);
    expect(venue.subscribers('btcusdt@trade').size).toBe(1);
    await waitFor(() => venue.subscribers('btcusdt@trade').size === 0, 'the stream at the venue to be closed');
    const lingeredMs = performance.now() - givenUpAtMs;
    expect(lingeredMs).toBeGreaterThan(LINGER_MS - 50);
    expect(lingeredMs).toBeLessThan(LINGER_MS + 1_000);
    expect(venue.subscribers('btcusdt@bookTicker').size).toBe(0);
    expect(gateway.manager.openStreams).toBe(2);

    const before = neighbours.map(({ tradeIds }) => tradeIds.length);
    await waitFor(() => neighbours.every(({ tradeIds }, at) => tradeIds.length > (before[at] ?? 0) + 5), 'more trades');
    for (const neighbour of neighbours) {
      neighbour.check();
      expect(neighbour.state).toBe('live');
    }
  },
);

import { expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const FEEDS = { staleAfterMs: 10_000, reconnect: { baseMs: 10, maxMs: 50 } };

/** The gauges for operators: [streams, connections] of a broker, each null if it has no value. */
async function upstream(gateway: MarketDataServer, broker: string): Promise<readonly (number | null)[]> {
  const { upstreamStreams, upstreamConnections } = gateway.metrics;
  const gauges = [await upstreamStreams.get(), await upstreamConnections.get()];
  return gauges.map(({ values }) => values.find(({ labels }) => labels.broker === broker)?.value ?? null);
}

const until = async (gateway: MarketDataServer, broker: string, expected: readonly number[]): Promise<void> => {
  await expect.poll(() => upstream(gateway, broker), { timeout: 5_000 }).toEqual(expected);
};

it('streams and connections of Binance are counted from first to last, over a reconnect and an outage', async () => {
  await using venue = await StandInBinance.start();
  await using gateway = await startGateway({ config: { brokers: { binance: standInBroker(venue) }, feeds: FEEDS } });
  await until(gateway, 'binance', [0, 1]);
  await using one = await RawClient.connect(gateway.urls.raw);
  await using two = await RawClient.connect(gateway.urls.raw);
  for (const client of [one, two]) await client.subscribe('binance', ['BTCUSDT'], ['tick', 'trade']);
  await until(gateway, 'binance', [2, 1]);
  const { handshakes } = venue;
  await venue.faults.hangUp();
  await waitFor(() => venue.handshakes > handshakes);
  await venue.waitForSubscription('btcusdt@trade');
  await until(gateway, 'binance', [2, 1]);
  gateway.manager.configured('binance').setEnabled(false);
  await until(gateway, 'binance', [0, 0]);
  gateway.manager.configured('binance').setEnabled(true);
  await until(gateway, 'binance', [2, 1]);
  await one.close();
  await two.ask({ action: 'unsubscribe', broker: 'binance', symbols: ['BTCUSDT'], types: ['tick'] });
  await until(gateway, 'binance', [1, 1]);
  await two.close();
  await until(gateway, 'binance', [0, 1]);
});

it('streams and connections of clients’ OANDA accounts are counted while they are open', async () => {
  await using venue = await StandInOanda.start({ accounts: [ACCOUNT], limits: { connectionsPerSecond: 100 } });
  const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl };
  await using gateway = await startGateway({ config: { brokers: { oanda }, feeds: FEEDS } });
  await until(gateway, 'oanda', [0, 0]);
  await using client = await RawClient.connect(gateway.urls.raw);
  await client.ask({
    action: 'authenticate',
    broker: 'oanda',
    credentials: { token: ACCOUNT.token, accountId: ACCOUNT.id },
  });
  await client.subscribe('oanda', ['EUR_USD', 'USD_JPY'], ['tick']);
  await venue.waitForStream(ACCOUNT.id, ['EUR_USD', 'USD_JPY']);
  await until(gateway, 'oanda', [2, 1]);
  await venue.faults.hangUp();
  await venue.waitForStream(ACCOUNT.id, ['EUR_USD', 'USD_JPY']);
  await until(gateway, 'oanda', [2, 1]);
  await client.close();
  await until(gateway, 'oanda', [0, 0]);
});

it('streams of a mock broker are counted, and no connections, because it has none', async () => {
  await using gateway = await startGateway({ config: { brokers: { mock: { kind: 'mock-binance' } } } });
  await until(gateway, 'mock', [0, 0]);
  await using client = await RawClient.connect(gateway.urls.raw);
  await client.subscribe('mock', ['BTCUSDT', 'ETHUSDT'], ['tick', 'orderbook']);
  await until(gateway, 'mock', [4, 0]);
  await client.close();
  await until(gateway, 'mock', [0, 0]);
});

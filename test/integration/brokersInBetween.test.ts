import { describe, expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { standInBroker, startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

describe('a broker that is taken out of service and back', () => {
  it('fetches the trades of the meantime, which come in order and before the live ones', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = await startGateway({ config: { brokers: { binance: standInBroker(venue) } } });
    await using client = await RawClient.connect(gateway.urls.raw);
    const market = venue.market('BTCUSDT');
    await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    await venue.waitForSubscription('btcusdt@trade');
    for (let count = 0; count < 3; count += 1) market.trade();
    await waitFor(() => client.data('trade').length === 3);
    gateway.manager.configured('binance').setEnabled(false);
    await waitFor(() => client.messages.at(-1)?.['status'] === 'closed');
    for (let count = 0; count < 4; count += 1) market.trade();
    gateway.manager.configured('binance').setEnabled(true);
    await waitFor(() => client.messages.at(-1)?.['status'] === 'live');
    market.trade();
    await waitFor(() => client.data('trade').length === 8);
    const trades = client.data('trade');
    const [first = 0] = trades.map(({ tradeId }) => Number(tradeId));
    expect(trades.map(({ tradeId }) => Number(tradeId) - first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(trades.map(({ backfilled }) => backfilled)).toEqual([false, false, false, true, true, true, true, false]);
    expect(client.messages.filter(({ status }) => status === 'gap')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { listing } from '../venues/binance/instruments.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

async function startScene() {
  await using stack = new AsyncDisposableStack();
  const clock = new SkippableClock();
  const venue = stack.use(await StandInBinance.start({ clock }));
  const gateway = stack.use(await startGateway({ clock, config: { brokers: { binance: standInBroker(venue) } } }));
  const client = stack.use(await RawClient.connect(gateway.urls.raw));
  const listings = (): number => venue.requests.filter(({ path }) => path === '/api/v3/exchangeInfo').length;
  await waitFor(() => listings() === 1 && venue.sockets.length === 1, 'the gateway to have started');
  const owned = stack.move();
  return { clock, venue, gateway, client, listings, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const coin = (symbol: string, status = 'TRADING') =>
  listing({ symbol, base: symbol.slice(0, -4), quote: 'USDT', price: '1.00000000', status });

describe('a listing that changes', () => {
  it('is asked for again before a symbol is called unknown, so that a new one can be subscribed at once', async () => {
    await using scene = await startScene();
    scene.venue.list(coin('NEWUSDT'));
    expect(await scene.client.subscribe('binance', ['NEWUSDT'], ['tick'])).toMatchObject({ status: 'subscribed' });
    await scene.venue.waitForSubscription('newusdt@bookTicker');
    scene.venue.market('NEWUSDT').tick();
    await waitFor(() => scene.client.data('tick', 'NEWUSDT').length > 0, 'a tick of the new symbol');
  });

  it('is asked for again before a query is told that a symbol is unknown', async () => {
    await using scene = await startScene();
    scene.venue.list(coin('NEWUSDT'));
    const query = '{ tick(broker: "binance", symbol: "NEWUSDT") { bid } }';
    const reply = await fetch(scene.gateway.urls.graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(await reply.json()).toMatchObject({ data: { tick: { bid: expect.any(String) } } });
  });

  it('is asked for again at most once a minute, however many unknown symbols are asked for', async () => {
    await using scene = await startScene();
    for (let count = 0; count < 5; count += 1) {
      const answer = await scene.client.subscribe('binance', [`NONE${count}`], ['tick']);
      expect(answer).toMatchObject({ type: 'error', code: 'UNKNOWN_SYMBOL' });
    }
    expect(scene.listings()).toBe(2);
    await scene.clock.skip(61_000);
    await scene.client.subscribe('binance', ['NONE'], ['tick']);
    expect(scene.listings()).toBe(3);
  });

  it('has halted symbols, too: a newcomer hears CLOSED with the reason, and LIVE when the market opens', async () => {
    await using scene = await startScene();
    expect(await scene.client.subscribe('binance', ['LUNAUSDT'], ['tick'])).toMatchObject({ status: 'subscribed' });
    const closed = await scene.client.waitFor(({ status }) => status === 'closed');
    expect(closed['message']).toMatch(/halted trading in LUNAUSDT/);
    scene.venue.list(coin('LUNAUSDT'));
    await scene.clock.skip(61_000);
    await scene.venue.waitForSubscription('lunausdt@bookTicker');
    scene.venue.market('LUNAUSDT').tick();
    await scene.client.waitFor(({ status }) => status === 'live');
  });
});

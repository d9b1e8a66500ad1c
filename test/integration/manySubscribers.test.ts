import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/shared/random.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const FEEDS = { staleAfterMs: 10_000, reconnect: { baseMs: 20, maxMs: 100 } };
/** The clients of these tests are all on one address. */
const LIMITS = { connectionsPerAddress: 1_000, messagesPerSecond: 1_000, subscriptionsPerConnection: 200 };
const BOOK =
  'subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [ORDERBOOK]) { ... on OrderBook { kind } } }';

describe('many subscribers', () => {
  it('of one book, 5000 of them, cost the venue one request and one stream', { timeout: 20_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(await StandInBinance.start());
    const config = { brokers: { binance: standInBroker(venue) }, feeds: FEEDS, limits: LIMITS };
    const gateway = stack.use(await startGateway({ config }));
    const url = gateway.urls.graphql.replace('http', 'ws');
    const clients = await Promise.all(Array.from({ length: 50 }, () => TransportWsClient.connect(url)));
    for (const client of clients) stack.use(client);
    for (const client of clients) for (let at = 0; at < 100; at += 1) client.subscribe(`s${at}`, BOOK);
    await venue.waitForSubscription('btcusdt@depth@100ms');
    venue.market('BTCUSDT').depth();
    const booked = (client: TransportWsClient): number =>
      new Set(client.messages.filter(({ type }) => type === 'next').map(({ id }) => id)).size;
    await waitFor(() => clients.every((client) => booked(client) === 100), 'a book for everybody', 15_000);
    expect(venue.requests.filter(({ path }) => path === '/api/v3/depth')).toHaveLength(1);
    expect(venue.controlFrames).toHaveLength(1);
    expect(venue.sockets).toHaveLength(1);
  });

  it('that come and go at random leave nothing wanted, open or subscribed', async () => {
    await using venue = await StandInBinance.start({ generatedSymbols: 20 });
    const config = { brokers: { binance: standInBroker(venue) }, feeds: FEEDS, limits: LIMITS };
    await using gateway = await startGateway({ config });
    await using stack = new AsyncDisposableStack();
    const random = seededRandom(11);
    const pick = (count: number): number => Math.floor(random() * count);
    const types = ['tick', 'trade', 'candle', 'orderbook'];
    const url = gateway.urls.graphql.replace('http', 'ws');
    let raws = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(gateway.urls.raw)));
    const graphql = stack.use(await TransportWsClient.connect(url));
    for (let cycle = 0; cycle < 1_500; cycle += 1) {
      const symbol = `GEN${pick(20) + 1}USDT`;
      const raw = raws[pick(raws.length)];
      const chance = random();
      const message = { broker: 'binance', symbols: [symbol], types: [types[pick(4)]] };
      if (chance < 0.35) raw?.send({ action: 'subscribe', ...message });
      else if (chance < 0.65) raw?.send({ action: 'unsubscribe', ...message });
      else if (chance < 0.8) {
        const type = types[pick(4)]?.toUpperCase();
        graphql.subscribe(
          `g${cycle}`,
          `subscription { marketData(broker: "binance", symbols: ["${symbol}"], types: [${type}]) { symbol } }`,
        );
      } else if (chance < 0.98) graphql.send({ id: `g${cycle - pick(20)}`, type: 'complete' });
      else if (raw !== undefined) {
        raw.socket.terminate();
        raws = [...raws.filter((each) => each !== raw), await RawClient.connect(gateway.urls.raw)];
      }
      if (cycle % 50 === 0) await new Promise(setImmediate);
    }
    await waitFor(() => venue.sockets.some(({ streams }) => streams.size > 0), 'some stream');
    for (const raw of raws) raw.socket.terminate();
    graphql.socket.terminate();
    await waitFor(() => gateway.manager.openStreams === 0, 'no stream that is wanted');
    await waitFor(() => venue.sockets.every(({ streams }) => streams.size === 0), 'no stream at the venue');
    for (const name of ['tickgraph_subscriptions', 'tickgraph_upstream_streams']) {
      const text = await gateway.metrics.registry.metrics();
      const values = text.split('\n').filter((line) => line.startsWith(`${name}{`));
      expect(values.map((line) => line.split(' ').at(-1))).toEqual(values.map(() => '0'));
    }
  });
});

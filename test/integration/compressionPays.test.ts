import { describe, expect, it } from 'vitest';
import type { CompressionSettings } from '../../src/fanout/client/SocketUpgrades.ts';
import { GraphqlGateway, tradeDraft } from '../support/GraphqlGateway.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const ON = { enabled: true, thresholdBytes: 0 };
const OFF = { enabled: false, thresholdBytes: 0 };
const SUBSCRIPTION = `subscription ($symbols: [String!]!, $types: [MarketDataType!]!) {
  marketData(broker: "binance", symbols: $symbols, types: $types, options: { snapshot: false }) {
    __typename broker symbol time sequence cursor
    ... on Trade { tradeId price size }
  }
}`;
const OTHER = SUBSCRIPTION.replace('price size', 'size price');
/** What one client subscribes to. */
interface Subscription {
  readonly query: string;
  readonly symbol: string;
}

describe('compressed messages', () => {
  /** How many bytes these subscriptions, each of a client of its own, are sent for 30 trades of each symbol. */
  async function bytesFor(compression: CompressionSettings, subscriptions: readonly Subscription[]): Promise<number> {
    await using owned = new AsyncDisposableStack();
    const gateway = owned.use(await GraphqlGateway.start({ options: { compression } }));
    const clients: TransportWsClient[] = [];
    for (const { query, symbol } of subscriptions) {
      const client = owned.use(await TransportWsClient.connect(gateway.wsUrl));
      expect(client.socket.extensions).toBe(compression.enabled ? 'permessage-deflate' : '');
      client.subscribe('t', query, { symbols: [symbol], types: ['TRADE'] });
      await client.roundTrip();
      await gateway.wanted(`trade ${symbol}`);
      clients.push(client);
    }
    const before = await gateway.metric('bytes_sent_total', { protocol: 'graphql-ws' });
    for (let id = 1; id <= 30; id += 1) {
      for (const symbol of new Set(subscriptions.map((each) => each.symbol))) gateway.trade(id, symbol);
      await waitFor(() => clients.every((client) => client.of('t').length === id));
    }
    return (await gateway.metric('bytes_sent_total', { protocol: 'graphql-ws' })) - before;
  }
  const whole = { query: SUBSCRIPTION, symbol: 'BTCUSDT' };

  it('are a fraction of the plain ones, for clients that get the same', async () => {
    const compressed = await bytesFor(ON, [whole, whole]);
    expect(compressed).toBeLessThan((await bytesFor(OFF, [whole, whole])) / 2.5);
  });

  it.each([
    ['one client alone', ON, [whole]],
    ['each of two clients with documents of their own', ON, [whole, { ...whole, query: OTHER }]],
    [
      'each of two clients with the same document and symbols of their own',
      ON,
      [whole, { ...whole, symbol: 'ETHUSDT' }],
    ],
    ['clients that get less than the threshold', { enabled: true, thresholdBytes: 1_000 }, [whole, whole]],
  ] as const)(
    'are plain for %s, because compressing would cost more than it saves',
    async (_name, settings, clients) => {
      expect(await bytesFor(settings, clients)).toBe(await bytesFor(OFF, clients));
    },
  );

  it('are plain for most of many groups of two clients, because compressing for all would cost more than it saves', async () => {
    const documents = Array.from({ length: 20 }, (_, n) => SUBSCRIPTION.replace('price', `p${n + 10}: price`));
    const pairs = documents.flatMap((query) => [
      { ...whole, query },
      { ...whole, query },
    ]);
    const saved = 1 - (await bytesFor(ON, pairs)) / (await bytesFor(OFF, pairs));
    // A group that is compressed for saves more than half of its bytes: of 20 groups there are four.
    expect(saved).toBeGreaterThan(2 / 20);
    expect(saved).toBeLessThan(4 / 20);
  });

  it('of the raw protocol are plain for one client alone, and compressed for several', async () => {
    await using gateway = await RawGateway.start({ compression: ON });
    await using owned = new AsyncDisposableStack();
    const bytes = (): Promise<number> => gateway.metric('bytes_sent_total', { protocol: 'raw' });
    const sent: number[] = [];
    const clients: RawClient[] = [];
    for (const count of [1, 2]) {
      const client = owned.use(await RawClient.connect(gateway.url));
      clients.push(client);
      await client.subscribe('binance', ['BTCUSDT'], ['trade']);
      await gateway.wanted('trade BTCUSDT');
      const [before, told] = [await bytes(), client.data('trade').length];
      for (let id = 1; id <= 30; id += 1) {
        gateway.broker().sink.onEvent(gateway.broker().feed('trade BTCUSDT'), tradeDraft(100 * count + id));
        await waitFor(() =>
          clients.every((each) => each.data('trade').some(({ tradeId }) => tradeId === String(100 * count + id))),
        );
      }
      expect(client.data('trade')).toHaveLength(told + 30);
      sent.push(((await bytes()) - before) / count);
    }
    const [alone = 0, each = 0] = sent;
    expect(each).toBeLessThan(alone / 2.5);
  });
});

import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client as UrqlClient, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CuttingProxy } from '../support/CuttingProxy.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const CUTS = 10;
/** As many as one connection may have. */
const SYMBOLS = Array.from({ length: 128 }, (_, at) => `S${String(at).padStart(3, '0')}`);
const TICKS =
  'subscription Ticks($symbols: [String!]!) { marketData(symbols: $symbols) { symbol ... on Tick { bid } } }';

interface Ticks {
  readonly marketData: { readonly symbol: string; readonly bid: string };
}
type Take = (data: Ticks) => void;
/** Subscribes to each symbol by itself, on one socket. */
type SubscribeAll = (socket: Client, take: Take) => void;

const withGraphqlWs: SubscribeAll = (socket, take) => {
  for (const symbol of SYMBOLS) {
    socket.subscribe<Ticks>(
      { query: TICKS, variables: { symbols: [symbol] } },
      {
        next: ({ data }) => data && take(data),
        error: (error) => expect.fail(String(error)),
        complete: () => undefined,
      },
    );
  }
};

const withApollo: SubscribeAll = (socket, take) => {
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  for (const symbol of SYMBOLS) {
    client
      .subscribe<Ticks>({ query: gql(TICKS), variables: { symbols: [symbol] }, fetchPolicy: 'no-cache' })
      .subscribe(({ data }) => data && take(data));
  }
};

const withUrql: SubscribeAll = (socket, take) => {
  const exchange = subscriptionExchange({
    forwardSubscription: ({ query = '', variables }) => ({
      subscribe: ({ next, error, complete }) => ({
        unsubscribe: socket.subscribe(
          { query, variables: { ...variables } },
          {
            next: ({ data = null }) => {
              next({ data });
            },
            error,
            complete,
          },
        ),
      }),
    }),
  });
  const client = new UrqlClient({ url: 'http://unused', preferGetMethod: false, exchanges: [exchange] });
  for (const symbol of SYMBOLS) {
    client.subscription<Ticks>(TICKS, { symbols: [symbol] }).subscribe(({ data }) => data && take(data));
  }
};

/** Numbers from 0 to 1 that look random and are always the same. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe.each<[string, SubscribeAll]>([
  ['graphql-ws’s own client', withGraphqlWs],
  ['Apollo Client', withApollo],
  ['urql', withUrql],
])('%s with 128 subscriptions on one socket', (_name, subscribeAll) => {
  it('has all of them back each time, though the network is cut ten times', async () => {
    const limits = { messagesPerSecond: 20 };
    await using gateway = await GraphqlGateway.start({ brokers: { binance: { lists: SYMBOLS } }, limits });
    await using network = await CuttingProxy.to(gateway.port);
    const socket = createClient({
      url: `ws://127.0.0.1:${network.port}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      retryWait: () => new Promise(setImmediate),
      shouldRetry: () => true,
    });
    const bids = new Map<string, string>();
    subscribeAll(socket, ({ marketData: { symbol, bid } }) => bids.set(symbol, bid));
    const next = random(7);
    for (let cut = 0; cut <= CUTS; cut += 1) {
      // Every second time the next connection breaks too, somewhere among the subscriptions that it renews.
      if (cut > 0) network.cut(cut % 2 === 0 ? Math.floor(next() * 30_000) : Infinity);
      await waitFor(() => {
        const wanted = new Set(gateway.broker().wantedNames);
        for (const symbol of SYMBOLS) if (wanted.has(`tick ${symbol}`)) gateway.tick(String(cut + 1), symbol);
        return SYMBOLS.every((symbol) => bids.get(symbol) === String(cut + 1));
      }, `all subscriptions after ${cut} cuts`);
      await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, SYMBOLS.length);
      await gateway.settles('connections', { protocol: 'graphql-ws' }, 1);
    }
    expect(network.cuts).toBeGreaterThanOrEqual(CUTS);
    expect(await gateway.metric('errors_total', { code: 'RATE_LIMITED' })).toBe(0);
    await socket.dispose();
    await gateway.isIdle();
  });
});

describe('a ping among 128 subscribes', () => {
  it('is answered before the last of them over GraphQL', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: { binance: { lists: SYMBOLS } } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    for (const [at, symbol] of SYMBOLS.entries()) {
      client.subscribe(symbol, `{ instruments(broker: "binance", search: "${symbol}") { totalCount } }`);
      if (at === 64) client.send({ type: 'ping' });
    }
    await waitFor(() => client.messages.filter(({ type }) => type === 'complete').length === SYMBOLS.length);
    const pong = client.messages.findIndex(({ type }) => type === 'pong');
    const last = client.messages.findLastIndex(({ type }) => type === 'next');
    expect(pong).toBeGreaterThan(-1);
    expect(pong).toBeLessThan(last);
  });

  it('is answered before the last of them over raw JSON', async () => {
    await using gateway = await RawGateway.start({ brokers: { binance: { lists: SYMBOLS } } });
    await using client = await RawClient.connect(gateway.url);
    for (const [at, symbol] of SYMBOLS.entries()) {
      client.send({ action: 'subscribe', id: symbol, broker: 'binance', symbols: [symbol] });
      if (at === 64) client.send({ action: 'ping', id: 'ping' });
    }
    await waitFor(() => client.messages.filter(({ status }) => status === 'subscribed').length === SYMBOLS.length);
    const pong = client.messages.findIndex(({ id }) => id === 'ping');
    expect(client.messages[pong]?.['status']).toBe('pong');
    expect(pong).toBeLessThan(client.messages.findIndex(({ id }) => id === SYMBOLS.at(-1)));
  });
});

import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { NO_ACCESS } from '../../src/core/subscription.ts';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const TICKS = `subscription Ticks { marketData(broker: "binance", symbols: ["BTCUSDT"]) { symbol ... on Tick { bid ask } } }`;

/** A client that has begun to listen, with what it has received so far and a way to leave. */
interface Listener {
  readonly received: unknown[];
  /** Ends the subscription, then the client. */
  leave(): Promise<void>;
}

type Listen = (gateway: MarketDataServer) => Listener;

const wsClient = (gateway: MarketDataServer) =>
  createClient({ url: gateway.urls.graphql.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });

const withGraphqlWs: Listen = (gateway) => {
  const client = wsClient(gateway);
  const received: unknown[] = [];
  const stop = client.subscribe(
    { query: TICKS },
    { next: ({ data }) => received.push(data), error: (error) => received.push(error), complete: () => undefined },
  );
  return {
    received,
    async leave() {
      stop();
      await client.dispose();
    },
  };
};

const withApollo: Listen = (gateway) => {
  const socket = wsClient(gateway);
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  const received: unknown[] = [];
  const subscription = client.subscribe({ query: gql(TICKS) }).subscribe({
    next: ({ data, error }) => received.push(data ?? error),
    error: (error) => received.push(error),
  });
  return {
    received,
    async leave() {
      subscription.unsubscribe();
      client.stop();
      await socket.dispose();
    },
  };
};

const withUrql: Listen = (gateway) => {
  const socket = wsClient(gateway);
  const client = new UrqlClient({
    url: gateway.urls.graphql,
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query: query ?? '', ...(variables === undefined ? {} : { variables: { ...variables } }) },
              {
                ...sink,
                next: ({ data = null, errors = [] }) => sink.next({ data, ...(errors.length > 0 ? { errors } : {}) }),
              },
            ),
          }),
        }),
      }),
    ],
  });
  const received: unknown[] = [];
  const subscription = client.subscription(TICKS, {}).subscribe(({ data, error }) => received.push(data ?? error));
  return {
    received,
    async leave() {
      subscription.unsubscribe();
      await socket.dispose();
    },
  };
};

/** Apollo's own way, without a WebSocket: multipart. */
const withApolloOverHttp: Listen = (gateway) => {
  const client = new ApolloClient({ link: new HttpLink({ uri: gateway.urls.graphql }), cache: new InMemoryCache() });
  const received: unknown[] = [];
  const subscription = client.subscribe({ query: gql(TICKS) }).subscribe({
    next: ({ data, error }) => received.push(data ?? error),
    error: (error) => received.push(error),
  });
  return {
    received,
    leave() {
      subscription.unsubscribe();
      client.stop();
      return Promise.resolve();
    },
  };
};

/** urql's own way over server-sent events. */
const withUrqlOverHttp: Listen = (gateway) => {
  const client = new UrqlClient({
    url: gateway.urls.graphql,
    preferGetMethod: false,
    fetchSubscriptions: true,
    exchanges: [fetchExchange],
  });
  const received: unknown[] = [];
  const subscription = client.subscription(TICKS, {}).subscribe(({ data, error }) => received.push(data ?? error));
  return {
    received,
    leave() {
      subscription.unsubscribe();
      return Promise.resolve();
    },
  };
};

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

/** The sum of a metric over its labels. */
async function total(gateway: MarketDataServer, name: string): Promise<number> {
  const metric = await gateway.metrics.registry.getSingleMetric(name)?.get();
  return (metric?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

describe.each<[string, Listen]>([
  ['graphql-ws', withGraphqlWs],
  ['Apollo Client', withApollo],
  ['Apollo Client over HTTP multipart', withApolloOverHttp],
  ['urql over graphql-ws', withUrql],
  ['urql over server-sent events', withUrqlOverHttp],
])('%s', (_name, listen) => {
  it('subscribes, receives, stops, and leaves nothing behind', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = await startGateway({ config: { brokers: { binance: standInBroker(venue) } }, lingerMs: 50 });
    await waitFor(
      () => gateway.manager.broker('binance', NO_ACCESS)?.state === 'connected',
      'the broker to be connected',
    );
    const timersBefore = timers();

    const listener = listen(gateway);
    await venue.waitForSubscription('btcusdt@bookTicker');
    await waitFor(() => {
      venue.market('BTCUSDT').tick();
      return listener.received.length >= 3;
    }, 'three ticks');
    const { bid, ask } = venue.market('BTCUSDT').best();
    await waitFor(
      () => JSON.stringify(listener.received.at(-1))?.includes(`"bid":"${bid?.[0]}","ask":"${ask?.[0]}"`),
      'the venue’s last prices',
    );

    await listener.leave();
    await venue.waitForUnsubscription('btcusdt@bookTicker');
    await waitFor(() => gateway.manager.openStreams === 0, 'no interest to be left');
    expect(gateway.manager.state.size).toBe(0);
    await expect.poll(() => total(gateway, 'tickgraph_subscriptions')).toBe(0);
    await expect.poll(() => total(gateway, 'tickgraph_connections')).toBe(0);
    expect(venue.sockets.flatMap(({ streams }) => [...streams])).toEqual([]);
    await waitFor(() => timers() <= timersBefore, 'every timer to end');
  });
});

it('a query of a client that also accepts event streams is answered as JSON', async () => {
  await using gateway = await startGateway({ config: { brokers: { mock: { kind: 'mock-binance' } } } });
  const client = new UrqlClient({ url: gateway.urls.graphql, preferGetMethod: false, exchanges: [fetchExchange] });
  const { data, error } = await client.query('{ brokers { id kind } }', {}).toPromise();
  expect(error).toBeUndefined();
  expect(data).toEqual({ brokers: [{ id: 'mock', kind: 'mock-binance' }] });
});

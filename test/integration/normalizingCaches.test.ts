import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient as createUrqlClient, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { getNamedType, isLeafType, isObjectType } from 'graphql';
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import {
  Environment,
  fetchQuery,
  isClientID,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
} from 'relay-runtime';
import type { ConcreteRequest, GraphQLResponse, RequestParameters } from 'relay-runtime';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { loadSchema } from '../../src/graphql/schema.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const schema = loadSchema();

/** The fields without a selection of a type: everything that a cache could take for a key. */
function leavesOf(name: string): string[] {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is no type of objects`);
  const leaves = Object.values(type.getFields()).filter((field) => isLeafType(getNamedType(field.type)));
  return leaves.map((field) => field.name);
}

const FIELDS = ['__typename', ...leavesOf('Trade')];
const TRADES = `query Trades {
  btc: trades(broker: "mock", symbol: "BTCUSDT", limit: 50) { ${FIELDS.join(' ')} }
  eth: trades(broker: "mock", symbol: "ETHUSDT", limit: 50) { ${FIELDS.join(' ')} }
}`;

/** The events of one type, with a field that only they have. */
const eventsOf = (type: string, own: string) =>
  gql(`subscription {
    marketData(broker: "mock", symbols: ["BTCUSDT", "ETHUSDT"], types: [${type}]) { symbol sequence cursor ${own} }
  }`);

interface Trade {
  readonly symbol: string;
  readonly tradeId: string;
  readonly price: string;
}
type Lists = Readonly<Record<'btc' | 'eth', readonly Trade[]>>;
interface Event {
  readonly marketData: { readonly symbol: string; readonly price?: string };
}

/** A client with a cache of its own: it asks the gateway, and gives what it then finds in the cache. */
type Ask = (url: string) => () => Promise<unknown>;

const withApollo: Ask = (uri) => {
  const client = new ApolloClient({ link: new HttpLink({ uri }), cache: new InMemoryCache() });
  return async () => {
    await client.query({ query: gql(TRADES), fetchPolicy: 'network-only' });
    return (await client.query({ query: gql(TRADES), fetchPolicy: 'cache-only' })).data;
  };
};

const withGraphcache: Ask = (url) => {
  const client = createUrqlClient({
    url,
    preferGetMethod: false,
    exchanges: [cacheExchange({ logger: () => undefined }), fetchExchange],
  });
  return async () => {
    await client.query(TRADES, {}, { requestPolicy: 'network-only' });
    return (await client.query(TRADES, {}, { requestPolicy: 'cache-only' })).data;
  };
};

const scalarField = (name: string) =>
  ({ kind: 'ScalarField', alias: null, args: null, name, storageKey: null }) as const;

/** What Relay's compiler makes of the query. */
const tradesOfRelay = (): ConcreteRequest => {
  const list = (alias: string, symbol: string) =>
    ({
      kind: 'LinkedField',
      alias,
      name: 'trades',
      args: Object.entries({ broker: 'mock', limit: 50, symbol }).map(
        ([name, value]) => ({ kind: 'Literal', name, value }) as const,
      ),
      concreteType: 'Trade',
      plural: true,
      selections: FIELDS.map(scalarField),
      storageKey: `trades(${symbol})`,
    }) as const;
  const selections = [list('btc', 'BTCUSDT'), list('eth', 'ETHUSDT')];
  return {
    kind: 'Request',
    fragment: { kind: 'Fragment', name: 'Trades', type: 'Query', metadata: null, argumentDefinitions: [], selections },
    operation: { kind: 'Operation', name: 'Trades', argumentDefinitions: [], selections },
    params: { id: null, cacheID: 'trades', metadata: {}, name: 'Trades', operationKind: 'query', text: TRADES },
  };
};

const withRelay: Ask = (url) => {
  const ask = async ({ text: query }: RequestParameters): Promise<GraphQLResponse> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return (await response.json()) as GraphQLResponse;
  };
  const environment = new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });
  return () => fetchQuery(environment, tradesOfRelay(), {}, { fetchPolicy: 'network-only' }).toPromise();
};

const mock = { kind: 'mock-binance', ticksPerSecond: 50, symbols: { BTCUSDT: 43_250.1, ETHUSDT: 2_280.55 } };
/** Prices of the two symbols are an order of magnitude apart. */
const isOf = (symbol: string, price: string): boolean => Number(price) > 10_000 === (symbol === 'BTCUSDT');

describe.each([
  ['Apollo’s default cache', withApollo],
  ['urql’s graphcache', withGraphcache],
  ['Relay’s store', withRelay],
])('%s', (_name, cacheOf) => {
  it('holds the trades of two symbols apart, though their ids are the same', async () => {
    await using gateway = await startGateway({ config: { brokers: { mock } } });
    const ask = cacheOf(gateway.urls.graphql);
    const lists = await waitFor(async () => {
      const found = (await ask()) as Lists;
      const ids = new Set(found.btc.map(({ tradeId }) => tradeId));
      return found.eth.some(({ tradeId }) => ids.has(tradeId)) ? found : null;
    }, 'trades of both symbols with the same ids');
    expect(new Set(lists.btc.map(({ symbol }) => symbol))).toEqual(new Set(['BTCUSDT']));
    expect(new Set(lists.eth.map(({ symbol }) => symbol))).toEqual(new Set(['ETHUSDT']));
    for (const { symbol, price } of [...lists.btc, ...lists.eth]) expect(isOf(symbol, price)).toBe(true);
  });
});

describe('Apollo’s default cache', () => {
  it.each([
    ['TICK', '... on Tick { bid }'],
    ['TRADE', '... on Trade { tradeId price }'],
    ['CANDLE', '... on Candle { openTime close }'],
    ['ORDERBOOK', '... on OrderBook { kind bids { price size } }'],
  ])('keeps no %s event of a subscription as an entity', async (type, own) => {
    await using gateway = await startGateway({ config: { brokers: { mock } } });
    const socket = createClient({ url: gateway.urls.graphql.replace('http', 'ws'), webSocketImpl: WebSocket });
    const cache = new InMemoryCache();
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache });
    const events: Event[] = [];
    const subscription = client
      .subscribe<Event>({ query: eventsOf(type, own) })
      .subscribe(({ data }) => data !== undefined && data !== null && events.push(data));
    await waitFor(
      () => new Set(events.map(({ marketData }) => marketData.symbol)).size === 2,
      'events of both symbols',
    );
    subscription.unsubscribe();
    for (const { marketData } of events) {
      if (marketData.price !== undefined) expect(isOf(marketData.symbol, marketData.price)).toBe(true);
    }
    expect(Object.keys(cache.extract()).filter((key) => !key.startsWith('ROOT'))).toEqual([]);
    client.stop();
    await socket.dispose();
  });
});

/** One list holds trades of both symbols, so a cache that takes them for entities mixes them before they are shown. */
const LIVE = `subscription Live {
  marketDataBatch(broker: "mock", symbols: ["BTCUSDT", "ETHUSDT"], types: [TRADE]) {
    __typename
    ... on Trade { ${leavesOf('Trade').join(' ')} }
    ... on FeedStatus { ${leavesOf('FeedStatus').join(' ')} }
  }
}`;
type Batch = readonly (Partial<Trade> & { readonly __typename: string })[];

/** A client whose cache is between the gateway and the page. */
interface Live {
  /** The lists as the page finds them in the cache. */
  readonly shown: Batch[];
  /** What the cache holds as entities. */
  readonly entities: () => readonly unknown[];
  readonly leave: () => void;
}

const liveWithGraphcache = (url: string, socket: Client): Live => {
  const shown: Batch[] = [];
  const entities: unknown[] = [];
  const live = cacheExchange({
    logger: () => undefined,
    updates: {
      Subscription: {
        marketDataBatch: ({ marketDataBatch }, _args, cache) => {
          const keys = (marketDataBatch as unknown as Batch).map((event) => cache.keyOfEntity({ ...event }));
          entities.push(...keys.filter((key) => key !== null));
        },
      },
    },
  });
  const forward = subscriptionExchange({
    forwardSubscription: ({ query = '' }) => ({
      subscribe: (sink) => ({
        unsubscribe: socket.subscribe({ query }, { ...sink, next: ({ data = null }) => sink.next({ data }) }),
      }),
    }),
  });
  const client = createUrqlClient({ url, preferGetMethod: false, exchanges: [live, forward] });
  const subscription = client.subscription<{ marketDataBatch: Batch }>(LIVE, {}).subscribe(({ data }) => {
    if (data !== undefined) shown.push(data.marketDataBatch);
  });
  return {
    shown,
    entities: () => entities,
    leave: () => {
      subscription.unsubscribe();
    },
  };
};

/** What Relay's compiler makes of the subscription. */
const liveOfRelay = (): ConcreteRequest => {
  const of = (type: string) =>
    ({ kind: 'InlineFragment', type, abstractKey: null, selections: leavesOf(type).map(scalarField) }) as const;
  const selections = [
    {
      kind: 'LinkedField',
      alias: null,
      name: 'marketDataBatch',
      args: null,
      concreteType: null,
      plural: true,
      selections: [scalarField('__typename'), of('Trade'), of('FeedStatus')],
      storageKey: null,
    },
  ] as const;
  return {
    kind: 'Request',
    fragment: {
      kind: 'Fragment',
      name: 'Live',
      type: 'Subscription',
      metadata: null,
      argumentDefinitions: [],
      selections,
    },
    operation: { kind: 'Operation', name: 'Live', argumentDefinitions: [], selections },
    params: { id: null, cacheID: 'live', metadata: {}, name: 'Live', operationKind: 'subscription', text: LIVE },
  };
};

const liveWithRelay = (_url: string, socket: Client): Live => {
  const shown: Batch[] = [];
  const source = new RecordSource();
  const subscribe = ({ text }: RequestParameters) =>
    Observable.create<GraphQLResponse>((sink) =>
      socket.subscribe(
        { query: text ?? '' },
        {
          next: (result) => {
            sink.next(result as GraphQLResponse);
          },
          error: (error) => {
            sink.error(error instanceof Error ? error : new Error(String(error)));
          },
          complete: () => {
            sink.complete();
          },
        },
      ),
    );
  const network = Network.create(() => Promise.reject(new Error('nothing is queried')), subscribe);
  const environment = new Environment({ network, store: new Store(source) });
  const { dispose } = requestSubscription(environment, {
    subscription: liveOfRelay(),
    variables: {},
    onNext: (response) => shown.push((response as { marketDataBatch: Batch }).marketDataBatch),
  });
  return {
    shown,
    // What is no entity has a name that Relay made up.
    entities: () => source.getRecordIDs().filter((id) => !isClientID(id)),
    leave: dispose,
  };
};

describe.each([
  ['urql’s graphcache', liveWithGraphcache],
  ['Relay’s store', liveWithRelay],
])('%s', (_name, liveOf) => {
  it('shows the trades of a subscription to two symbols as they came, and keeps none of them as an entity', async () => {
    await using gateway = await startGateway({ config: { brokers: { mock } } });
    const socket = createClient({ url: gateway.urls.graphql.replace('http', 'ws'), webSocketImpl: WebSocket });
    const { shown, entities, leave } = liveOf(gateway.urls.graphql, socket);
    const tradesOf = (wanted: string): readonly Trade[] =>
      shown
        .flat()
        .flatMap(({ symbol, tradeId, price }) =>
          symbol === wanted && tradeId !== undefined && price !== undefined ? [{ symbol, tradeId, price }] : [],
        );
    await waitFor(() => {
      const ids = new Set(tradesOf('BTCUSDT').map(({ tradeId }) => tradeId));
      return tradesOf('ETHUSDT').filter(({ tradeId }) => ids.has(tradeId)).length >= 10;
    }, 'trades of both symbols with the same ids');
    leave();
    for (const { symbol, price } of ['BTCUSDT', 'ETHUSDT'].flatMap(tradesOf)) expect(isOf(symbol, price)).toBe(true);
    expect(entities()).toEqual([]);
    await socket.dispose();
  });
});

it('No event has a field that normalizing caches take for the key of an entity', () => {
  const events = schema.getPossibleTypes(schema.getType('MarketData') as never).map(({ name }) => name);
  expect(events.length).toBeGreaterThanOrEqual(5);
  for (const name of [...events, 'PriceLevel']) {
    const type = schema.getType(name);
    // `id`: Apollo, graphcache, Relay. `_id`: Apollo and graphcache.
    expect(isObjectType(type) && Object.keys(type.getFields()).filter((field) => /^_?id$/.test(field))).toEqual([]);
  }
});

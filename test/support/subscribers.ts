import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client as UrqlClient, subscriptionExchange } from '@urql/core';
import type { Client } from 'graphql-ws';
import { Environment, Network, Observable, RecordSource, requestSubscription, Store } from 'relay-runtime';
import type { ConcreteRequest, GraphQLResponse } from 'relay-runtime';
import { subscribeMarketData } from '../../client/index.ts';
import type { MarketDataType } from '../../client/index.ts';

/** What every subscriber gets of an event. */
export interface StreamEvent {
  readonly __typename: string;
  readonly symbol: string;
  readonly type: string;
  readonly sequence: number;
}
export type Variables = { readonly symbols: string[]; readonly types: MarketDataType[] };
/** Subscribes to the events of some streams through one of the stock clients, and returns what ends it. */
export type Subscribe = (socket: Client, variables: Variables, take: (event: StreamEvent) => void) => () => void;

interface Single {
  readonly marketData: StreamEvent;
}
const FIELDS = ['__typename', 'symbol', 'type', 'sequence'];
const ARGUMENTS = '$symbols: [String!]!, $types: [MarketDataType!]!';
const EVENTS = `subscription Events(${ARGUMENTS}) { marketData(symbols: $symbols, types: $types) { ${FIELDS.join(' ')} } }`;
const LISTS = `subscription Lists(${ARGUMENTS}) {
  list: marketDataBatch(symbols: $symbols, types: $types, everyMs: 10) { ${FIELDS.join(' ')} }
}`;

const withGraphqlWs: Subscribe = (socket, variables, take) =>
  socket.subscribe<Single>(
    { query: EVENTS, variables },
    { next: ({ data }) => data && take(data.marketData), error: fail, complete: () => undefined },
  );

const withLists: Subscribe = (socket, variables, take) =>
  socket.subscribe<{ list: StreamEvent[] }>(
    { query: LISTS, variables },
    { next: ({ data }) => data?.list.forEach(take), error: fail, complete: () => undefined },
  );

const withPackage: Subscribe = (socket, variables, take) =>
  subscribeMarketData(socket, variables, {
    next: (event) => {
      if (event.__typename !== 'FeedStatus') take(event);
    },
    error: fail,
    complete: () => undefined,
  });

const withApollo: Subscribe = (socket, variables, take) => {
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  const subscription = client
    .subscribe<Single>({ query: gql(EVENTS), variables })
    .subscribe({ next: ({ data }) => data && take(data.marketData), error: fail });
  return () => {
    subscription.unsubscribe();
    client.stop();
  };
};

const withUrql: Subscribe = (socket, variables, take) => {
  const exchange = subscriptionExchange({
    forwardSubscription: ({ query = '', variables: given }) => ({
      subscribe: ({ next, error, complete }) => ({
        unsubscribe: socket.subscribe(
          { query, variables: { ...given } },
          { next: ({ data = null }) => next({ data }), error, complete },
        ),
      }),
    }),
  });
  const client = new UrqlClient({ url: 'http://unused', preferGetMethod: false, exchanges: [exchange] });
  const subscription = client
    .subscription<Single>(EVENTS, variables)
    .subscribe(({ data, error }) => (error ? fail(error) : data && take(data.marketData)));
  return () => {
    subscription.unsubscribe();
  };
};

/** What Relay's compiler makes of the subscription. */
const eventsOfRelay = (): ConcreteRequest => {
  const variables = ['symbols', 'types'];
  const argumentDefinitions = variables.map((name) => ({ kind: 'LocalArgument', name, defaultValue: null }) as const);
  const marketData = {
    kind: 'LinkedField',
    alias: null,
    name: 'marketData',
    args: variables.map((name) => ({ kind: 'Variable', name, variableName: name }) as const),
    concreteType: null,
    plural: false,
    selections: FIELDS.map(
      (name) => ({ kind: 'ScalarField', alias: null, args: null, name, storageKey: null }) as const,
    ),
    storageKey: null,
  } as const;
  const body = { name: 'Events', argumentDefinitions, selections: [marketData] };
  return {
    kind: 'Request',
    fragment: { kind: 'Fragment', type: 'Subscription', metadata: null, ...body },
    operation: { kind: 'Operation', ...body },
    params: { id: null, cacheID: 'e', metadata: {}, name: 'Events', operationKind: 'subscription', text: EVENTS },
  };
};

const withRelay: Subscribe = (socket, variables, take) => {
  const network = Network.create(
    () => Observable.create<GraphQLResponse>(() => undefined),
    ({ text }, given) =>
      Observable.create<GraphQLResponse>((sink) =>
        socket.subscribe(
          { query: text ?? '', variables: given },
          {
            next: (result) => {
              sink.next(result as GraphQLResponse);
            },
            error: (problem) => {
              sink.error(problem as Error);
            },
            complete: () => {
              sink.complete();
            },
          },
        ),
      ),
  );
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  return requestSubscription(environment, {
    subscription: eventsOfRelay(),
    variables,
    onNext: (data) => {
      take((data as Single).marketData);
    },
    onError: fail,
  }).dispose;
};

function fail(problem: unknown): never {
  throw new Error('The subscription has failed.', { cause: problem });
}

export const SUBSCRIBERS: [string, Subscribe][] = [
  ['graphql-ws', withGraphqlWs],
  ['lists over graphql-ws', withLists],
  ['subscribeMarketData', withPackage],
  ['Apollo Client', withApollo],
  ['urql', withUrql],
  ['Relay', withRelay],
];

import { createHash } from 'node:crypto';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client as UrqlClient, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { afterAll, describe, expect, it } from 'vitest';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const gateway = await GraphqlGateway.start();
afterAll(() => gateway[Symbol.asyncDispose]());

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const QUERY = '{ brokers { id } }';
const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(QUERY) } };
const REFUSAL = {
  errors: [
    {
      message: 'PersistedQueryNotSupported',
      extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', retryable: false },
    },
  ],
};

const post = (body: object, accept: string): Promise<Response> =>
  fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  });

const get = (params: Record<string, string>, accept: string): Promise<Response> =>
  fetch(`${gateway.url}?${new URLSearchParams(params).toString()}`, { headers: { accept } });

describe.each(['application/json', 'application/graphql-response+json'])('over HTTP, as %s,', (accept) => {
  it.each([
    ['by POST', () => post({ extensions }, accept)],
    ['by POST, with null for a query', () => post({ operationName: null, query: null, extensions }, accept)],
    ['by POST, with an empty query', () => post({ query: '', variables: {}, extensions }, accept)],
    ['by GET', () => get({ extensions: JSON.stringify(extensions) }, accept)],
    ['by GET, with an empty query', () => get({ query: '', extensions: JSON.stringify(extensions) }, accept)],
  ])('the hash of a query without the query is refused in the words that clients know: %s', async (_name, send) => {
    const response = await send();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(await response.json()).toEqual(REFUSAL);
  });

  it('a query that comes with its hash is executed', async () => {
    const answers = [
      await post({ query: QUERY, extensions }, accept),
      await get({ query: QUERY, extensions: JSON.stringify(extensions) }, accept),
    ];
    for (const answer of answers) expect(await answer.json()).toEqual({ data: { brokers: [{ id: 'binance' }] } });
  });

  it.each([[{}], [{ extensions: {} }], [{ extensions: { persistedQuery: null } }]])(
    'a request with neither a query nor a hash is a bad one: %j',
    async (body) => {
      const response = await post(body, accept);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    },
  );
});

describe('over WebSocket', () => {
  it.each([[{ extensions }], [{ query: null, extensions }], [{ query: '', extensions }]])(
    'the hash of a query without the query ends its operation, not the socket: %j',
    async (payload) => {
      await using client = await TransportWsClient.connect(gateway.wsUrl);
      client.send({ id: '1', type: 'subscribe', payload });
      expect((await client.typed('error', '1')).payload).toEqual(REFUSAL.errors);
      client.subscribe('2', QUERY);
      expect((await client.typed('next', '2')).payload).toEqual({ data: { brokers: [{ id: 'binance' }] } });
    },
  );
});

describe('Apollo Client’s link for persisted queries', () => {
  it.each([[true], [false]])('falls back to whole queries (asking by GET: %s)', async (useGETForHashedQueries) => {
    const asked: string[] = [];
    const http = new HttpLink({
      uri: gateway.url,
      fetch: (url, request) => {
        asked.push(`${request?.method} ${typeof request?.body === 'string' && request.body.includes('"query"')}`);
        return fetch(url, request);
      },
    });
    const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(http);
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    for (const name of ['First', 'Second']) {
      const query = gql(`query ${name} { brokers { id } }`);
      const { data } = await client.query({ query, fetchPolicy: 'network-only' });
      expect(data).toMatchObject({ brokers: [{ id: 'binance' }] });
    }
    // The hash is tried once.
    expect(asked).toEqual([`${useGETForHashedQueries ? 'GET' : 'POST'} false`, 'POST true', 'POST true']);
    client.stop();
  });

  it('falls back for a subscription over multipart too', async () => {
    await using own = await GraphqlGateway.start();
    const link = new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: own.url }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const received: unknown[] = [];
    const query = gql('subscription { marketData(symbols: ["BTCUSDT"]) { symbol ... on Tick { bid } } }');
    const subscription = client.subscribe({ query }).subscribe(({ data, error }) => received.push(data ?? error));
    await own.wanted('tick BTCUSDT');
    own.tick('1.10');
    await waitFor(() => received.length > 0, 'an event');
    expect(received).toMatchObject([{ marketData: { symbol: 'BTCUSDT', bid: '1.10' } }]);
    subscription.unsubscribe();
    client.stop();
    await own.isIdle();
  });
});

describe('urql’s exchange for persisted queries', () => {
  it.each([[true], [false]])(
    'falls back to whole queries (asking by GET: %s)',
    async (preferGetForPersistedQueries) => {
      const whole: boolean[] = [];
      const client = new UrqlClient({
        url: gateway.url,
        preferGetMethod: false,
        exchanges: [
          persistedExchange({ preferGetForPersistedQueries, generateHash: (text) => Promise.resolve(sha256(text)) }),
          fetchExchange,
        ],
        fetch: (url, request) => {
          const { searchParams } = new URL(url instanceof Request ? url.url : url);
          const isInBody = typeof request?.body === 'string' && request.body.includes('"query"');
          whole.push(isInBody || searchParams.has('query'));
          return fetch(url, request);
        },
      });
      for (const name of ['First', 'Second']) {
        const { data, error } = await client.query(`query ${name} { brokers { id } }`, {}).toPromise();
        expect(error).toBeUndefined();
        expect(data).toMatchObject({ brokers: [{ id: 'binance' }] });
      }
      // The hash is tried once.
      expect(whole).toEqual([false, true, true]);
    },
  );
});

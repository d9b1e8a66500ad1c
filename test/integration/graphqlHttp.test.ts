import { once } from 'node:events';
import { connect } from 'node:net';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { cacheExchange, createClient, fetchExchange } from '@urql/core';
import { auditServer, serverAudits } from 'graphql-http';
import { afterAll, describe, expect, it } from 'vitest';
import type { Services } from '../../src/core/Services.ts';
import type { Queries } from '../../src/core/Queries.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponse } from '../support/GraphqlGateway.ts';

const BROKERS = '{ brokers { id state supportedTypes authenticated } }';

/** Sends bytes as they are and gives the whole answer as text. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('utf8')));
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

function queriesThatThrow(error: Error): (services: Services) => Services {
  const tick = (): never => {
    throw error;
  };
  return (services) => ({ ...services, queries: { tick } as unknown as Queries });
}

const gateway = await GraphqlGateway.start();
const audits = serverAudits({ url: gateway.url, fetchFn: fetch });
afterAll(() => gateway[Symbol.asyncDispose]());

describe('the GraphQL over HTTP specification', () => {
  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (_id, name, audit) => {
    const result = await audit.fn();
    // What a server may do it need not: we post no forms, and take a mutation by POST only.
    if (name.startsWith('MAY')) expect(['ok', 'notice', 'warn']).toContain(result.status);
    else expect(result).toMatchObject({ status: 'ok' });
  });

  it('is passed without an error or a warning', async () => {
    const results = await auditServer({ url: gateway.url, fetchFn: fetch });
    expect(results.length).toBeGreaterThan(50);
    expect(results.filter(({ status }) => status === 'error' || status === 'warn')).toEqual([]);
  });
});

describe('a query', () => {
  it('is answered to POST and to GET alike', async () => {
    const { status, body } = await gateway.post(BROKERS);
    expect(status).toBe(200);
    expect(body).toEqual({
      data: {
        brokers: [
          {
            id: 'binance',
            state: 'CONNECTED',
            supportedTypes: expect.arrayContaining(['TICK', 'CANDLE', 'ORDERBOOK', 'TRADE']),
            authenticated: false,
          },
        ],
      },
    });
    const got = await fetch(`${gateway.url}?query=${encodeURIComponent(BROKERS)}`);
    expect(await got.json()).toEqual(body);
  });

  it('of a client that takes JSON and event streams at once is answered with JSON', async () => {
    const accept = 'application/graphql-response+json, application/json, text/event-stream, multipart/mixed';
    const { status, headers } = await gateway.post(BROKERS, { headers: { accept } });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
  });

  it.each([
    [
      'event streams alone',
      'text/event-stream',
      200,
      /event: next\ndata: \{"data":\{"__typename":"Query"\}\}\n\nevent: complete/,
    ],
    ['multipart alone', 'multipart/mixed', 200, /\{"data":\{"__typename":"Query"\}\}/],
    ['anything', '*/*', 200, /^\{"data":\{"__typename":"Query"\}\}$/],
    ['pictures', 'image/png', 406, /^$/],
  ])('of a client that takes %s is answered in kind', async (_name, accept, status, body) => {
    const response = await fetch(`${gateway.url}?query={__typename}`, { headers: { accept } });
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(body);
  });

  it.each<[string, (name: string, query: string) => Promise<Response>]>([
    ['GET', (name, query) => fetch(`${gateway.url}?query=${encodeURIComponent(query)}&operationName=${name}`)],
    [
      'POST',
      (operationName, query) =>
        fetch(gateway.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query, operationName }),
        }),
    ],
  ])('with an empty operation name by %s has none', async (_method, ask) => {
    expect(await (await ask('', 'query Q { __typename }')).json()).toEqual({ data: { __typename: 'Query' } });
    const several = (await (await ask('', 'query Q { __typename } query R { __typename }')).json()) as GraphqlResponse;
    expect(several.errors?.[0]?.extensions['code']).toBe('BAD_REQUEST');
  });

  it.each([
    ['a byte order mark before its body', `\u{FEFF}${JSON.stringify({ query: '{ __typename }' })}`],
    [
      'null for what it leaves out',
      JSON.stringify({ query: '{ __typename }', operationName: null, variables: null, extensions: null }),
    ],
  ])('with %s is read as without', async (_name, body) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(gateway.url, { method: 'POST', headers, body });
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
  });

  it('that is a mutation is refused by GET, with an empty operation name too', async () => {
    const mutation = 'mutation { deauthenticateBroker(broker: "binance") { broker } }';
    const response = await fetch(`${gateway.url}?query=${encodeURIComponent(mutation)}&operationName=`);
    expect(response.status).toBe(405);
    expect(((await response.json()) as GraphqlResponse).data).toBeUndefined();
  });

  it('works with urql', async () => {
    const client = createClient({
      url: gateway.url,
      preferGetMethod: false,
      exchanges: [cacheExchange, fetchExchange],
    });
    const { data, error } = await client.query('{ brokers { id } }', {});
    expect(error).toBeUndefined();
    expect(data).toEqual({ brokers: [{ id: 'binance', __typename: 'Broker' }] });
  });

  it('works with Apollo', async () => {
    const client = new ApolloClient({ link: new HttpLink({ uri: gateway.url }), cache: new InMemoryCache() });
    const { data } = await client.query({ query: gql('{ brokers { id } }') });
    expect(data).toEqual({ brokers: [{ id: 'binance', __typename: 'Broker' }] });
  });

  it('pages through instruments with cursors', async () => {
    const page = async (after?: string): Promise<unknown> => {
      const { body } = await gateway.post(
        `query ($after: String) { instruments(broker: "binance", first: 2, after: $after) {
          totalCount edges { cursor node { broker symbol base tickSize tradable } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
        { variables: { after } },
      );
      return body.data?.['instruments'];
    };
    const first = (await page()) as { pageInfo: { endCursor: string } };
    expect(first).toMatchObject({
      totalCount: 3,
      edges: [
        { node: { broker: 'binance', symbol: 'BTCUSDT', base: 'BTC', tickSize: null, tradable: true } },
        { node: { symbol: 'ETHUSDT' } },
      ],
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    expect(await page(first.pageInfo.endCursor)).toMatchObject({
      edges: [{ node: { symbol: 'SOLUSDT' } }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
  });

  it('for a broker that is not there is null', async () => {
    expect((await gateway.post('{ broker(id: "x") { id } }')).body).toEqual({ data: { broker: null } });
  });
});

describe('what is out of bounds', () => {
  it.each([
    ['first', '{ instruments(broker: "binance", first: 0) { totalCount } }', 'from 1 to 1000, found 0'],
    ['first', '{ instruments(broker: "binance", first: 1001) { totalCount } }', 'from 1 to 1000, found 1001'],
    ['after', '{ instruments(broker: "binance", after: "&&") { totalCount } }', 'cursor'],
    ['depth', '{ orderBook(broker: "binance", symbol: "BTCUSDT", depth: 0) { kind } }', 'from 1 to 1000, found 0'],
    ['depth', '{ orderBook(broker: "binance", symbol: "BTCUSDT", depth: 1001) { kind } }', 'found 1001'],
    ['limit', '{ candles(broker: "binance", symbol: "BTCUSDT", limit: 5001) { open } }', 'from 1 to 5000, found 5001'],
    [
      'limit',
      '{ trades(broker: "binance", symbol: "BTCUSDT", limit: 1001) { tradeId } }',
      'from 1 to 1000, found 1001',
    ],
    [
      'from',
      '{ candles(broker: "binance", symbol: "BTCUSDT", from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z") { open } }',
      'not after',
    ],
    [
      'Timestamp',
      '{ candles(broker: "binance", symbol: "BTCUSDT", from: "2026-02-30T00:00:00Z") { open } }',
      'found "2026-02-30T00:00:00Z"',
    ],
    ['symbols', 'subscription { marketData(symbols: []) { symbol } }', 'at least one'],
    ['types', 'subscription { marketData(symbols: ["BTCUSDT"], types: []) { symbol } }', 'at least one'],
    ['symbols', 'subscription { marketData(symbols: ["BTCUSDT", null]) { symbol } }', 'null'],
    ['options.depth', 'subscription { marketData(symbols: ["BTCUSDT"], options: { depth: 0 }) { symbol } }', 'found 0'],
    [
      'options.throttleMs',
      'subscription { marketData(symbols: ["BTCUSDT"], options: { throttleMs: 60001 }) { symbol } }',
      'from 0 to 60000, found 60001',
    ],
    [
      'everyMs',
      'subscription { marketDataBatch(symbols: ["BTCUSDT"], everyMs: 0) { symbol } }',
      'from 1 to 60000, found 0',
    ],
    ['everyMs', 'subscription { marketDataBatch(symbols: ["BTCUSDT"], everyMs: 60001) { symbol } }', 'found 60001'],
  ])('is refused with BAD_REQUEST that names it: %s', async (name, query, told) => {
    const { body } = await gateway.post(query, { headers: { accept: 'application/json, text/event-stream' } });
    expect(body.errors).toHaveLength(1);
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'BAD_REQUEST', retryable: false });
    if (name !== 'symbols') expect(body.errors?.[0]?.message).toContain(name);
    expect(body.errors?.[0]?.message).toContain(told);
    expect(gateway.index.size).toBe(0);
  });

  it.each([
    ['depth', `{ ${deep(11)} }`, 'LIMIT_EXCEEDED'],
    [
      'aliases',
      `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename brokers${n}: brokers { id }`).join(' ')} }`,
      'LIMIT_EXCEEDED',
    ],
    ['tokens', `{ ${'__typename '.repeat(2_001)} }`, 'LIMIT_EXCEEDED'],
    ['nesting', '{a'.repeat(16_000), 'LIMIT_EXCEEDED'],
  ])('as a whole is refused too: %s', async (_name, query, code) => {
    const { status, body } = await gateway.post(query);
    expect(status).toBe(400);
    expect(body.errors?.map(({ extensions }) => extensions['code'])).toContain(code);
  });
});

function deep(levels: number): string {
  return levels === 0 ? '__typename' : `x { ${deep(levels - 1)} }`;
}

describe('an error', () => {
  it.each([
    ['a syntax error', '{', 400],
    ['an unknown field', '{ nonsense }', 400],
    ['a missing operation', 'query A { __typename } query B { __typename }', 400],
  ])('says BAD_REQUEST for %s', async (_name, query, status) => {
    const answer = await gateway.post(query);
    expect(answer.status).toBe(status);
    expect(answer.body.data).toBeUndefined();
    expect(answer.body.errors?.[0]?.extensions).toEqual({ code: 'BAD_REQUEST', retryable: false });
  });

  it('of one field leaves the others, and says what to do', async () => {
    const query = '{ brokers { id } tick(broker: "binance", symbol: "BTCUSD") { bid } }';
    expect((await gateway.post(query)).body).toMatchObject({
      data: { brokers: [{ id: 'binance' }], tick: null },
      errors: [
        {
          message: expect.stringContaining('BTCUSDT'),
          path: ['tick'],
          extensions: { code: 'UNKNOWN_SYMBOL', retryable: false, symbols: ['BTCUSD'] },
        },
      ],
    });
  });

  it('of ours tells nothing but the id under which it is logged', async () => {
    const cause = new Error('password=hunter2 at /etc/secret');
    await using own = await GraphqlGateway.start({ wrap: queriesThatThrow(cause) });
    const { status, body } = await own.post('{ tick(broker: "binance", symbol: "BTCUSDT") { bid } }');
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toMatch(/hunter2|secret|stack|cause/);
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'INTERNAL', retryable: true });
    const id = /logged as (\S+)\./.exec(body.errors?.[0]?.message ?? '')?.[1];
    expect(own.logged).toHaveLength(1);
    expect(own.logged[0]).toContain(id);
    expect(own.logged[0]).toContain('hunter2');
    expect(await own.metric('errors_total', { code: 'INTERNAL' })).toBe(1);
  });

  it('of what we answered is ours, though GraphQL itself found it', async () => {
    const queries = { tick: () => Promise.resolve({ type: 'tick', bid: '1e5' }) } as unknown as Queries;
    await using own = await GraphqlGateway.start({ wrap: (services) => ({ ...services, queries }) });
    const { body } = await own.post('{ tick(broker: "binance", symbol: "BTCUSDT") { bid } }');
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'INTERNAL', retryable: true });
  });

  it('of an argument that only execution can find is the client’s', async () => {
    const query = 'query ($n: Int) { instruments(broker: "binance", first: $n) { totalCount } }';
    const { body } = await gateway.post(query, { variables: { n: null } });
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'BAD_REQUEST', retryable: false });
  });

  it('is counted by its code', async () => {
    await using own = await GraphqlGateway.start();
    await own.post('{ nonsense }');
    await own.post('{ nonsense }');
    await own.post('{ tick(broker: "binance", symbol: "X") { bid } }');
    await fetch(own.url, { method: 'PUT' });
    expect(await own.metric('errors_total', { code: 'BAD_REQUEST' })).toBe(3);
    expect(await own.metric('errors_total', { code: 'UNKNOWN_SYMBOL' })).toBe(1);
  });

  it('with introspection off names nothing that the client did not name', async () => {
    await using own = await GraphqlGateway.start({ graphql: { introspection: false } });
    const introspection = await own.post('{ __schema { types { name } } }');
    expect(introspection.body.errors?.[0]?.extensions['code']).toBe('BAD_REQUEST');
    const typo = await own.post('{ broker }');
    expect(typo.body.errors?.[0]?.message).not.toContain('brokers');
  });
});

describe('a mutation', () => {
  it('does not run by GET', async () => {
    const mutation = encodeURIComponent('mutation { deauthenticateBroker(broker: "binance") }');
    const response = await fetch(`${gateway.url}?query=${mutation}`);
    expect(response.status).toBe(405);
    expect(((await response.json()) as GraphqlResponse).data).toBeUndefined();
  });

  it.each([
    [
      'application/x-www-form-urlencoded',
      `query=${encodeURIComponent('mutation { deauthenticateBroker(broker: "binance") }')}`,
    ],
    ['text/plain', '{"query":"mutation { deauthenticateBroker(broker: \\"binance\\") }"}'],
    ['application/graphql', 'mutation { deauthenticateBroker(broker: "binance") }'],
    [
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--x--\r\n',
    ],
  ])('does not run from a post of %s', async (type, body) => {
    const response = await fetch(gateway.url, { method: 'POST', headers: { 'content-type': type }, body });
    expect(response.status).toBe(415);
    expect(((await response.json()) as GraphqlResponse).data).toBeUndefined();
  });
});

describe('odd requests', () => {
  const get = (target: string, host: string): string =>
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAccept: application/json\r\n\r\n`;
  const query = '?query=%7B__typename%7D';

  it.each([
    ['an absolute-form target', `http://evil.example/graphql${query}`, 'localhost'],
    ['a target that is no URL', `//${query}`, 'localhost'],
    ['a port that is none', `http://a:99999999/graphql${query}`, 'localhost'],
    ['a Host header that is no host', `/graphql${query}`, 'a b:c:d//%%'],
    ['an empty Host header', `/graphql${query}`, ''],
    ['a fragment', `/graphql${query}#x`, 'localhost'],
  ])('are answered as any other: %s', async (_name, target, host) => {
    const answer = await raw(gateway.port, get(target, host));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('{"data":{"__typename":"Query"}}');
  });

  it.each([
    ['broken variables', `${query}&variables=%7B`],
    ['variables that are a list', `${query}&variables=%5B%5D`],
    ['broken extensions', `${query}&extensions=x`],
    ['no query', ''],
  ])('are refused with 400: %s', async (_name, search) => {
    const answer = await raw(gateway.port, get(`/graphql${search}`, 'localhost'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"BAD_REQUEST"');
  });

  it.each([
    ['no JSON', 400, '{', {}],
    ['a number', 400, '7', {}],
    ['a batch', 400, '[{"query":"{__typename}"}]', {}],
    ['an unknown parameter', 400, '{"query":"{__typename}","sql":"x"}', {}],
    ['no query', 400, '{}', {}],
    ['a query that is no text', 400, '{"query":7}', {}],
    ['another charset', 415, '{"query":"{__typename}"}', { 'content-type': 'application/json; charset=utf-16' }],
    ['another encoding', 415, '{"query":"{__typename}"}', { 'content-encoding': 'gzip' }],
  ])('with a body that is wrong are refused: %s', async (_name, status, body, headers) => {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    expect(response.status).toBe(status);
    const { errors } = (await response.json()) as GraphqlResponse;
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_REQUEST', retryable: false });
  });

  it('with a body that is not UTF-8 are refused', async () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
  });

  it.each([['DELETE'], ['PUT'], ['HEAD']])('by %s get 405', async (method) => {
    const response = await fetch(gateway.url, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toContain('POST');
  });

  it('with a body over the limit get 413, told beforehand or not', async () => {
    const body = JSON.stringify({ query: `{ __typename } # ${'x'.repeat(70_000)}` });
    const told = await fetch(gateway.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(told.status).toBe(413);
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const head =
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await raw(
      gateway.port,
      `${head}${chunk(body.slice(0, 40_000))}${chunk(body.slice(40_000))}0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('whose client leaves in the middle of its body harm nobody', async () => {
    await raw(
      gateway.port,
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"q',
    );
    expect((await gateway.post('{ __typename }')).status).toBe(200);
  });
});

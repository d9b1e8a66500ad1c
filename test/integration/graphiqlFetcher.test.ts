import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { GraphiqlFetcher } from '../../src/graphql/http/GraphiqlFetcher.ts';
import type { Browser, GraphiqlOperation, Results } from '../../src/graphql/http/GraphiqlFetcher.ts';
import { bearer, startGuarded } from '../support/graphqlLogins.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { sign } from '../unit/core/login/issuer.ts';

const TICKS = 'subscription { marketData(broker: "binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const documentAST = { definitions: [{ kind: 'OperationDefinition', operation: 'subscription' }] };

/** What a page from this origin can do. */
const browserAt = (url: string, origin?: string): Browser => ({
  url,
  // It has the members of a browser's.
  open: (address, protocol) =>
    new WebSocket(address, protocol, origin === undefined ? {} : { origin }).on('error', () => undefined),
  post: (address, headers, body) =>
    fetch(address, { method: 'POST', headers: { ...headers, ...(origin === undefined ? {} : { origin }) }, body }),
});

interface Shown {
  readonly results: unknown[];
  over: boolean;
  stop(): void;
}

function subscribe(browser: Browser, headers: Record<string, string> = {}, query = TICKS): Shown {
  const operation: GraphiqlOperation = { query };
  const results = new GraphiqlFetcher(browser).execute(operation, { headers, documentAST }) as Results;
  const shown: Shown = { results: [], over: false, stop: () => undefined };
  const subscription = results.subscribe({
    next: (result) => shown.results.push(result),
    complete: () => (shown.over = true),
  });
  shown.stop = () => {
    subscription.unsubscribe();
  };
  return shown;
}

const messageOf = ({ results }: Shown): unknown =>
  (results[0] as { errors?: { message: string }[] } | undefined)?.errors?.[0]?.message;

describe('a subscription in GraphiQL', () => {
  it.each([
    ['an API key', () => ({ 'X-API-Key': 'key-of-plain' })],
    ['a token', async () => ({ Authorization: bearer(await sign()).authorization })],
  ])('brings the headers of the editor with connection_init: %s', async (_name, headers) => {
    await using gateway = await startGuarded();
    const shown = subscribe(browserAt(gateway.url), await headers());
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    await waitFor(() => shown.results.length === 1);
    expect(shown.results).toEqual([{ data: { marketData: { bid: '1.10' } } }]);
    shown.stop();
    await gateway.isIdle();
    expect(shown.over).toBe(false);
  });

  it('goes on with the session of the header x-session', async () => {
    await using gateway = await startGuarded();
    const session = 'never given';
    const shown = subscribe(browserAt(gateway.url), { 'x-api-key': 'key-of-plain', 'x-session': session });
    await waitFor(() => shown.over);
    expect(messageOf(shown)).toMatch(/session/i);
  });

  it.each([
    ['no login', {}, 'Log in first'],
    ['a wrong key', { 'x-api-key': 'key-of-nobody' }, 'not valid'],
  ])('that is refused for %s shows why, and ends', async (_name, headers, why) => {
    await using gateway = await startGuarded();
    const shown = subscribe(browserAt(gateway.url), headers);
    await waitFor(() => shown.over);
    expect(messageOf(shown)).toContain(why);
  });

  it('from a page that may not connect shows that the operator can allow it', async () => {
    await using gateway = await startGateway({ config: { brokers: { mock: { kind: 'mock-binance' } } } });
    const shown = subscribe(browserAt(gateway.urls.graphql, 'https://elsewhere.example'));
    await waitFor(() => shown.over);
    expect(messageOf(shown)).toContain('server.allowedOrigins');
  });

  it('that the gateway never answered says what a proxy has to pass on', async () => {
    const browser = browserAt('http://127.0.0.1:1/graphql');
    const shown = subscribe(browser);
    await waitFor(() => shown.over);
    expect(messageOf(shown)).toContain('1006');
    expect(messageOf(shown)).toContain('Host (with its port)');
  });

  it('shows the error of its operation, and why it is closed later', async () => {
    await using gateway = await GraphqlGateway.start();
    const wrong = subscribe(browserAt(gateway.url), {}, TICKS.replace('BTCUSDT', 'BTCUSD'));
    await waitFor(() => wrong.over);
    expect(messageOf(wrong)).toContain('BTCUSD');

    const closed = subscribe(browserAt(gateway.url));
    await gateway.wanted('tick BTCUSDT');
    await gateway.graphql.close(1001);
    await waitFor(() => closed.over);
    expect(messageOf(closed)).toBe('The WebSocket was closed with 1001: The gateway is shutting down.');
  });
});

it('a query in GraphiQL goes over HTTP, with the headers of the editor', async () => {
  await using gateway = await startGuarded();
  const fetcher = new GraphiqlFetcher(browserAt(gateway.url));
  const query = 'query A { __typename } subscription B { brokerStatus { id } }';
  const definitions = ['query', 'subscription'].map((operation, at) => ({
    kind: 'OperationDefinition',
    operation,
    name: { value: 'AB'.charAt(at) },
  }));
  const extras = { headers: { 'X-Api-Key': 'key-of-plain' }, documentAST: { definitions } };
  expect(await fetcher.execute({ query, operationName: 'A' }, extras)).toEqual({ data: { __typename: 'Query' } });
  expect(fetcher.execute({ query, operationName: 'B' }, extras)).toHaveProperty('subscribe');
});

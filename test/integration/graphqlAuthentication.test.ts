import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { BrokerCredentials } from '../../src/market/credentials.ts';
import { GatewayError } from '../../src/shared/errors.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlGatewayOptions, GraphqlResponse, GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const AUTHENTICATE = `mutation ($broker: ID!, $credentials: BrokerCredentials!) {
  authenticateBroker(broker: $broker, credentials: $credentials) { session expiresAt broker { id authenticated } } }`;
const DEAUTHENTICATE = 'mutation ($broker: ID!) { deauthenticateBroker(broker: $broker) }';
const AUTHENTICATED = '{ brokers { id authenticated } }';
const TICKS =
  'subscription { marketData(broker: "oanda", symbols: ["EUR_USD"], types: [TICK, STATUS]) { ... on Tick { bid } ... on FeedStatus { state reason } } }';

const ACCOUNTS: GraphqlGatewayOptions['brokers'] = {
  oanda: { lists: ['EUR_USD'], traits: { requiresAuthentication: true }, check },
  second: { lists: ['EUR_USD'], traits: { requiresAuthentication: true }, check },
};

/** Accepts every token except a few, each of which stands for another answer of the venue. */
function check({ token }: BrokerCredentials): Promise<void> {
  const refusals: Record<string, GatewayError> = {
    wrong: new GatewayError('BROKER_AUTHENTICATION_FAILED', 'The venue does not know this token.'),
    unreachable: new GatewayError('BROKER_UNAVAILABLE', 'The venue can’t be reached just now.'),
    malformed: new GatewayError('BAD_REQUEST', 'credentials.token: no token of this venue looks like that.'),
  };
  const refusal = refusals[token ?? ''];
  return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
}

const withToken = (token: string, broker = 'oanda') => ({ variables: { broker, credentials: { token } } });

interface Authentication {
  readonly session: string;
  readonly expiresAt: string;
}

async function authenticate(gateway: GraphqlGateway, token: string, broker = 'oanda'): Promise<Authentication> {
  const { body } = await gateway.post(AUTHENTICATE, withToken(token, broker));
  expect(body.errors).toBeUndefined();
  return body.data?.['authenticateBroker'] as Authentication;
}

/** Runs one operation over a socket and returns its first result. */
async function ask(client: TransportWsClient, query: string, variables?: object): Promise<GraphqlResponse> {
  const id = `ask-${client.messages.length}-${Math.random()}`;
  client.subscribe(id, query, variables as Record<string, unknown>);
  return (await client.typed('next', id)).payload as GraphqlResponse;
}

async function open(gateway: GraphqlGateway, params?: object): Promise<TransportWsClient> {
  const client = await TransportWsClient.open(gateway.wsUrl);
  client.send({ type: 'connection_init', ...(params === undefined ? {} : { payload: params }) });
  return client;
}

const results = (client: TransportWsClient, id: string): unknown[] =>
  client.of(id).map(({ payload }) => (payload as GraphqlResponse).data?.['marketData']);

describe('the venue’s verdict on credentials', () => {
  it.each([
    ['wrong', 'BROKER_AUTHENTICATION_FAILED', 'does not know this token'],
    ['unreachable', 'BROKER_UNAVAILABLE', 'can’t be reached'],
    ['malformed', 'BAD_REQUEST', 'no token of this venue'],
  ])('is reported with a code and a sentence of its own: %s', async (token, code, sentence) => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { status, body } = await gateway.post(AUTHENTICATE, withToken(token));
    expect(status).toBe(200);
    expect(body.errors?.[0]).toMatchObject({
      message: expect.stringContaining(sentence),
      path: ['authenticateBroker'],
      extensions: { code },
    });
  });

  it('on the mock broker accepts one token and account, and reports each error by itself', async () => {
    await using gateway = await startGateway({ config: { brokers: { 'mock-oanda': {}, 'mock-binance': {} } } });
    const post = async (broker: string, credentials: object): Promise<GraphqlResponse> => {
      const response = await fetch(gateway.urls.graphql, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: AUTHENTICATE, variables: { broker, credentials } }),
      });
      return (await response.json()) as GraphqlResponse;
    };
    const codeOf = async (broker: string, credentials: object): Promise<unknown> =>
      (await post(broker, credentials)).errors?.[0]?.extensions['code'];
    const right = { token: 'mock-token', accountId: 'mock-account' };
    expect(await codeOf('mock-oanda', { ...right, token: 'other' })).toBe('BROKER_AUTHENTICATION_FAILED');
    expect(await codeOf('mock-oanda', { token: 'mock-token' })).toBe('BAD_REQUEST');
    expect(await codeOf('mock-binance', right)).toBe('BAD_REQUEST');
    expect(await codeOf('nowhere', right)).toBe('UNKNOWN_BROKER');
    expect((await post('mock-oanda', right)).data).toEqual({
      authenticateBroker: {
        session: expect.stringMatching(/^[\w-]{40,}$/),
        expiresAt: expect.stringMatching(/Z$/),
        broker: { id: 'mock-oanda', authenticated: true },
      },
    });
  });

  it('counts against an address that fails again and again, until no more of its attempts are checked', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    for (let time = 0; time < 10; time += 1) await gateway.post(AUTHENTICATE, withToken('wrong'));
    const { body } = await gateway.post(AUTHENTICATE, withToken('alice'));
    expect(body.errors?.[0]?.extensions).toEqual({
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterMs: expect.any(Number),
    });
  });
});

describe('credentials', () => {
  it('are not accepted over plain text from another machine', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS, secure: false });
    const { body } = await gateway.post(AUTHENTICATE, withToken('alice'));
    expect(body.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  });

  it('are accepted over plain text if the operator allows it', async () => {
    const options = { brokers: ACCOUNTS, secure: false, allowInsecureCredentials: true };
    await using gateway = await GraphqlGateway.start(options);
    await authenticate(gateway, 'alice');
  });

  it.each([
    ['an unknown field', { token: 'hunter2', pin: 'hunter2' }],
    ['text for the object', 'hunter2'],
    ['a number for text', { token: 4242 }],
  ])('that are malformed are refused and never quoted: %s', async (_name, credentials) => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { body } = await gateway.post(AUTHENTICATE, { variables: { broker: 'oanda', credentials } });
    expect(body.errors?.[0]?.extensions['code']).toBe('BAD_REQUEST');
    expect(body.errors?.[0]?.message).toMatch(/credentials/);
    expect(JSON.stringify(body)).not.toMatch(/hunter2|4242/);
  });

  it.each([
    ['mutation { authenticateBroker(broker: "oanda", credentials: { token: 4242 }) { session } }'],
    ['mutation { authenticateBroker(broker: "oanda", credentials: "hunter2") { session } }'],
    ['mutation { authenticateBroker(broker: "oanda", credentials: { token: hunter2 "hunter2" }) { session } }'],
    ['mutation { authenticateBroker(broker: "oanda", credentials: { token: 42hunter2 }) { session } }'],
    ['mutation { renewLogin(token: 4242) { expiresAt } }'],
    ['{ authenticateBroker(broker: "oanda", credentials: { token: hunter2 }) { session } }'],
  ])('in an invalid document are not quoted: %s', async (query) => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { body } = await gateway.post(query);
    expect(body.errors?.[0]?.extensions['code']).toBe('BAD_REQUEST');
    expect(JSON.stringify(body)).not.toMatch(/hunter2|4242/);
  });

  it('may be written into the document', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const query = 'mutation { authenticateBroker(broker: "oanda", credentials: { token: "alice" }) { session } }';
    expect((await gateway.post(query)).body.errors).toBeUndefined();
  });

  it('never appear in the log, whatever happens to them', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    for (const token of ['alice-hunter2', 'wrong', 'unreachable']) await gateway.post(AUTHENTICATE, withToken(token));
    await gateway.post('mutation { authenticateBroker(broker: "oanda", credentials: { token: hunter2 }) { session } }');
    await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-session': 'session-hunter2' },
      body: '{"query": "{__typename}", "variables": {"credentials": {"token": "hunter2"',
    });
    expect(gateway.logged.join('\n')).not.toContain('hunter2');
  });
});

describe('a session over HTTP', () => {
  it('is resumed by its header, and no other client shares what it holds', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { session } = await authenticate(gateway, 'alice');
    const mine = await gateway.post(AUTHENTICATED, { headers: { 'x-session': session } });
    expect(mine.body.data).toEqual({
      brokers: [
        { id: 'oanda', authenticated: true },
        { id: 'second', authenticated: false },
      ],
    });
    const others = await gateway.post(AUTHENTICATED);
    expect(JSON.stringify(others.body)).not.toContain('true');
    const query = '{ instruments(broker: "oanda") { totalCount } }';
    expect((await gateway.post(query, { headers: { 'x-session': session } })).body.errors).toBeUndefined();
    expect((await gateway.post(query)).body.errors?.[0]?.extensions['code']).toBe('BROKER_AUTHENTICATION_REQUIRED');
  });

  it('with an unknown token is UNAUTHENTICATED, and nothing is executed', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { status, body } = await gateway.post(AUTHENTICATED, { headers: { 'x-session': 'x'.repeat(43) } });
    expect(status).toBe(401);
    expect(body.data).toBeUndefined();
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', retryable: false });
  });

  it('accepts more brokers, and gives up only the one that is named', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { session } = await authenticate(gateway, 'alice');
    const headers = { 'x-session': session };
    const again = await gateway.post(AUTHENTICATE, { ...withToken('bob', 'second'), headers });
    expect(again.body.data).toMatchObject({ authenticateBroker: { session } });
    const giveUp = { variables: { broker: 'oanda' }, headers };
    expect((await gateway.post(DEAUTHENTICATE, giveUp)).body.data).toEqual({ deauthenticateBroker: true });
    expect((await gateway.post(DEAUTHENTICATE, giveUp)).body.data).toEqual({ deauthenticateBroker: false });
    expect((await gateway.post(AUTHENTICATED, { headers })).body.data).toEqual({
      brokers: [
        { id: 'oanda', authenticated: false },
        { id: 'second', authenticated: true },
      ],
    });
  });

  it('still exists after its last credentials are given up: for operations that need none, and for others', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { session } = await authenticate(gateway, 'alice');
    const headers = { 'x-session': session };
    const giveUp = { variables: { broker: 'oanda' }, headers };
    expect((await gateway.post(DEAUTHENTICATE, giveUp)).body.data).toEqual({ deauthenticateBroker: true });
    const { status, body } = await gateway.post(AUTHENTICATED, { headers });
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain('true');
    const again = await gateway.post(AUTHENTICATE, { ...withToken('bob'), headers });
    expect(again.body.data).toMatchObject({ authenticateBroker: { session } });
  });

  it('without credentials ends with its request', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await gateway.post(AUTHENTICATED);
    await gateway.post(AUTHENTICATE, withToken('wrong'));
    expect(gateway.services.sessions.size).toBe(0);
  });

  it('lasts for as long as it is used, and a while longer', async () => {
    const clock = new FakeClock();
    const options = { brokers: ACCOUNTS, clock, idleTimeoutMs: 60_000 };
    await using gateway = await GraphqlGateway.start(options);
    const { session, expiresAt } = await authenticate(gateway, 'alice');
    expect(Date.parse(expiresAt)).toBe(clock.now() + 60_000);
    const headers = { 'x-session': session };
    await clock.advance(59_000);
    expect((await gateway.post(AUTHENTICATED, { headers })).status).toBe(200);
    await clock.advance(59_000);
    expect((await gateway.post(AUTHENTICATED, { headers })).status).toBe(200);
    await clock.advance(60_000);
    expect((await gateway.post(AUTHENTICATED, { headers })).status).toBe(401);
    expect(gateway.broker('oanda alice').closed).toBe(true);
  });

  it('serves server-sent events too, and is kept while they flow', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS, clock, idleTimeoutMs: 1_000 });
    const { session } = await authenticate(gateway, 'alice');
    await using client = await SseClient.subscribe(gateway.url, TICKS, { 'x-session': session });
    await gateway.wanted('tick EUR_USD', 'oanda alice');
    await clock.advance(5_000);
    gateway.tick('1.1', 'EUR_USD', 'oanda alice');
    await waitFor(() => client.events.some(({ data }) => data.includes('"bid":"1.1"')), 'the tick');
  });
});

describe('a session over WebSocket', () => {
  it('belongs to its socket: no client sees what another authenticated', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using alice = await TransportWsClient.connect(gateway.wsUrl);
    await using bob = await TransportWsClient.connect(gateway.wsUrl);
    await ask(alice, AUTHENTICATE, withToken('alice').variables);
    await ask(bob, AUTHENTICATE, withToken('bob').variables);
    alice.subscribe('t', TICKS);
    bob.subscribe('t', TICKS);
    await gateway.wanted('tick EUR_USD', 'oanda alice');
    await gateway.wanted('tick EUR_USD', 'oanda bob');
    gateway.tick('1.1', 'EUR_USD', 'oanda alice');
    gateway.tick('2.2', 'EUR_USD', 'oanda bob');
    gateway.tick('1.2', 'EUR_USD', 'oanda alice');
    await waitFor(() => JSON.stringify(results(alice, 't')).includes('1.2'));
    await waitFor(() => JSON.stringify(results(bob, 't')).includes('2.2'));
    expect(JSON.stringify(results(alice, 't'))).not.toContain('2.2');
    expect(JSON.stringify(results(bob, 't'))).not.toContain('1.1');
  });

  it('that was begun over HTTP is resumed by connectionParams with a graphql-ws client', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    const { session } = await authenticate(gateway, 'alice');
    const client = createClient({ url: gateway.wsUrl, webSocketImpl: WebSocket, connectionParams: { session } });
    const ticks = client.iterate<{ marketData: { bid?: string } }>({ query: TICKS });
    const first = ticks.next();
    await gateway.wanted('tick EUR_USD', 'oanda alice');
    gateway.tick('1.5', 'EUR_USD', 'oanda alice');
    let bid = ((await first).value as { data?: { marketData: { bid?: string } } }).data?.marketData.bid;
    while (bid === undefined) {
      bid = ((await ticks.next()).value as { data?: { marketData: { bid?: string } } }).data?.marketData.bid;
    }
    expect(bid).toBe('1.5');
    await ticks.return?.();
    await client.dispose();
  });

  it.each([
    ['is unknown', { session: 'x'.repeat(43) }, 4403],
    ['is not text', { session: 7 }, 4400],
  ])('that %s is refused', async (_name, params, code) => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using client = await open(gateway, params);
    expect((await client.closing()).code).toBe(code);
    expect(client.messages).toEqual([]);
  });

  it('may continue over HTTP after its socket has closed', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using alice = await TransportWsClient.connect(gateway.wsUrl);
    const { data } = await ask(alice, AUTHENTICATE, withToken('alice').variables);
    const authentication = data?.['authenticateBroker'] as Authentication;
    alice.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    const { body } = await gateway.post(AUTHENTICATED, { headers: { 'x-session': authentication.session } });
    expect(body.data).toMatchObject({ brokers: [{ authenticated: true }, { authenticated: false }] });
  });

  it('gets no credentials whose check ends only after its last client has left', async () => {
    const gates: (() => void)[] = [];
    const slow = { ...ACCOUNTS['oanda'], check: () => new Promise<void>((resolve) => gates.push(resolve)) };
    await using gateway = await GraphqlGateway.start({ brokers: { oanda: slow } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('a', AUTHENTICATE, withToken('alice').variables);
    await waitFor(() => gates.length === 1);
    client.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    gates[0]?.();
    await waitFor(() => gateway.has('oanda alice') && gateway.broker('oanda alice').closed, 'it to be closed');
    expect(gateway.services.sessions.size).toBe(0);
  });

  it('moves a running subscription to other credentials, and then to none', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    await ask(client, AUTHENTICATE, withToken('alice').variables);
    client.subscribe('t', TICKS);
    await gateway.wanted('tick EUR_USD', 'oanda alice');
    gateway.tick('1.1', 'EUR_USD', 'oanda alice');
    await waitFor(() => JSON.stringify(results(client, 't')).includes('1.1'));

    const before = results(client, 't').length;
    await ask(client, AUTHENTICATE, withToken('bob').variables);
    await gateway.wanted('tick EUR_USD', 'oanda bob');
    gateway.tick('2.2', 'EUR_USD', 'oanda bob');
    await waitFor(() => JSON.stringify(results(client, 't')).includes('2.2'));
    expect(results(client, 't')[before]).toMatchObject({ state: 'RECOVERING' });
    expect(JSON.stringify(results(client, 't').slice(before))).not.toContain('1.1');
    expect(gateway.broker('oanda alice').closed).toBe(true);

    expect((await ask(client, DEAUTHENTICATE, { broker: 'oanda' })).data).toEqual({ deauthenticateBroker: true });
    await waitFor(() => results(client, 't').some((event) => (event as { state?: string }).state === 'CLOSED'));
    expect(client.closed).toBeNull();
    expect(gateway.broker('oanda bob').closed).toBe(true);
  });

  it('keeps its old credentials if new ones are refused', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    await ask(client, AUTHENTICATE, withToken('alice').variables);
    await ask(client, AUTHENTICATE, withToken('wrong').variables);
    expect((await ask(client, AUTHENTICATED)).data).toMatchObject({ brokers: [{ authenticated: true }, {}] });
  });

  it('reports in brokerStatus its own account’s state, and not another’s', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using alice = await TransportWsClient.connect(gateway.wsUrl);
    await using bob = await TransportWsClient.connect(gateway.wsUrl);
    for (const client of [alice, bob]) client.subscribe('s', 'subscription { brokerStatus { id authenticated } }');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    await ask(alice, AUTHENTICATE, withToken('alice').variables);
    await waitFor(() =>
      alice.of('s').some(({ payload }) => JSON.stringify(payload).includes('"id":"oanda","authenticated":true')),
    );
    await bob.roundTrip();
    expect(bob.of('s')).toEqual([]);
  });
});

describe('an operation that needs credentials', () => {
  it('fails with an error that says so, for a subscription over the socket', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: ACCOUNTS });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('t', TICKS);
    const { payload } = await client.typed('error', 't');
    expect((payload as GraphqlResponseError[])[0]?.extensions).toEqual({
      code: 'BROKER_AUTHENTICATION_REQUIRED',
      retryable: false,
    });
  });
});

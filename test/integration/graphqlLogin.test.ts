import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Services } from '../../src/core/Services.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { AUTH, ask, bearer, codeOf, introduce, logIn, startGuarded, tokenUntil } from '../support/graphqlLogins.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { claims, SECRET, sign } from '../unit/core/login/issuer.ts';

const TYPENAME = '{ __typename }';
const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const RENEW = 'mutation ($token: String!) { renewLogin(token: $token) { expiresAt } }';
const SWITCH =
  'mutation ($enabled: Boolean!) { setBrokerEnabled(broker: "binance", enabled: $enabled) { enabled state } }';

const EXPIRED = await tokenUntil(-60);

describe('over HTTP', () => {
  it.each([
    ['a bearer token', async () => bearer(await sign())],
    ['an API key', () => ({ 'x-api-key': 'key-of-plain' })],
  ])('%s allows every operation', async (_name, headers) => {
    await using gateway = await startGuarded();
    const { status, body } = await gateway.post(TYPENAME, { headers: await headers() });
    expect(status).toBe(200);
    expect(body).toEqual({ data: { __typename: 'Query' } });
  });

  it.each([
    ['nothing', {}],
    ['a malformed token', bearer('x.y.z')],
    ['an expired token', bearer(EXPIRED)],
    ['a wrong API key', { 'x-api-key': 'key-of-nobody' }],
    ['an empty token', bearer('')],
  ])('%s is refused with 401, with one sentence for all wrong logins', async (name, headers) => {
    await using gateway = await startGuarded();
    const answer = await gateway.post(TYPENAME, { headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.body).toEqual({
      errors: [
        {
          message: name === 'nothing' ? expect.stringContaining('Log in first') : expect.stringContaining('not valid'),
          extensions: { code: 'UNAUTHENTICATED', retryable: false },
        },
      ],
    });
    expect(await gateway.metric('errors_total', { code: 'UNAUTHENTICATED' })).toBe(1);
  });

  it('two logins at once are a bad request', async () => {
    await using gateway = await startGuarded();
    const headers = { ...bearer(await sign()), 'x-api-key': 'key-of-plain' };
    expect((await gateway.post(TYPENAME, { headers })).status).toBe(400);
  });

  it.each([
    ['a query by GET', TYPENAME, 'application/json'],
    ['a subscription', TICKS, 'text/event-stream'],
    ['a subscription over multipart', TICKS, 'multipart/mixed;subscriptionSpec=1.0'],
  ])('%s needs a login as well', async (_name, query, accept) => {
    await using gateway = await startGuarded();
    const url = `${gateway.url}?query=${encodeURIComponent(query)}`;
    expect((await fetch(url, { headers: { accept } })).status).toBe(401);
    expect(gateway.index.size).toBe(0);
  });

  it('the page of GraphiQL needs no login', async () => {
    await using gateway = await startGuarded();
    const page = await fetch(gateway.url, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('GraphiQL');
  });

  it('a login must be right even if it is not required', async () => {
    await using gateway = await startGuarded({ auth: { ...AUTH, mode: 'none' } });
    expect((await gateway.post(TYPENAME)).status).toBe(200);
    expect((await gateway.post(TYPENAME, { headers: bearer('x.y.z') })).status).toBe(401);
  });

  it('a login is not accepted over plain text from another machine, unless the operator allows it', async () => {
    await using refusing = await startGuarded({ secure: false });
    const { status, body } = await refusing.post(TYPENAME, { headers: bearer(await sign()) });
    expect([status, codeOf(body)]).toEqual([403, 'FORBIDDEN']);
    await using client = await introduce(refusing, { token: await sign() });
    expect(await client.closing()).toEqual({ code: 4403, reason: 'Forbidden' });
    await using allowing = await startGuarded({ secure: false, allowInsecureCredentials: true });
    expect((await allowing.post(TYPENAME, { headers: bearer(await sign()) })).status).toBe(200);
  });

  it('an address that fails too often is answered when to try again, and others log in meanwhile', async () => {
    await using gateway = await startGuarded({ wrap: byHeader });
    const bad = () => gateway.post(TYPENAME, { headers: bearer('x.y.z') });
    for (let time = 0; time < 10; time += 1) expect((await bad()).status).toBe(401);
    const { status, headers, body } = await bad();
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(body.errors?.[0]?.extensions).toEqual({
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterMs: expect.any(Number),
    });
    const elsewhere = { ...bearer(await sign()), 'x-test-address': '192.0.2.7' };
    expect((await gateway.post(TYPENAME, { headers: elsewhere })).status).toBe(200);
  });

  it('a session can be used by its own client only', async () => {
    const brokers = { oanda: { lists: ['EUR_USD'], check: () => Promise.resolve() } };
    await using gateway = await startGuarded({ brokers });
    const login = async (sub: string) => bearer(await sign(claims({ sub })));
    const query = 'mutation { authenticateBroker(broker: "oanda", credentials: { token: "t" }) { session } }';
    const { body } = await gateway.post(query, { headers: await login('alice') });
    const authentication = body.data?.['authenticateBroker'] as { session: string };
    const resumed = async (sub: string) =>
      (await gateway.post(TYPENAME, { headers: { ...(await login(sub)), 'x-session': authentication.session } }))
        .status;
    expect(await resumed('alice')).toBe(200);
    expect(await resumed('bob')).toBe(401);
    await using client = await introduce(gateway, {
      token: await sign(claims({ sub: 'bob' })),
      session: authentication.session,
    });
    expect((await client.closing()).code).toBe(4403);
  });

  it('a stream of events ends with its login, and says so', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: { heartbeatMs: 1_000_000 } });
    await using client = await SseClient.subscribe(gateway.url, TICKS, bearer(await tokenUntil(100)));
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(129_000);
    expect(client.ended).toBe(false);
    await clock.advance(1_000);
    await waitFor(() => client.ended, 'the stream to end');
    const [reason, end] = client.events;
    expect(JSON.parse(reason?.data ?? '')).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(end?.event).toBe('complete');
    await gateway.isIdle();
  });

  it('a key has no more streams of events than connections', async () => {
    await using gateway = await startGuarded();
    const headers = { 'x-api-key': 'key-of-small' };
    await using first = await SseClient.subscribe(gateway.url, TICKS, headers);
    await gateway.wanted('tick BTCUSDT');
    await using second = await SseClient.subscribe(gateway.url, TICKS, headers);
    expect(second.response.statusCode).toBe(429);
    first.leave();
    await gateway.isIdle();
    await using third = await SseClient.subscribe(gateway.url, TICKS, headers);
    expect(third.response.statusCode).toBe(200);
  });

  it('a login cannot be renewed', async () => {
    await using gateway = await startGuarded();
    const token = await sign();
    const { body } = await gateway.post(RENEW, { headers: bearer(token), variables: { token } });
    expect(codeOf(body)).toBe('BAD_REQUEST');
  });

  it('a whole gateway accepts the logins of its configuration', async () => {
    const jwt = { secret: SECRET, audience: 'tickgraph' };
    await using gateway = await startGateway({ config: { auth: { mode: 'required', jwt } } });
    const token = await sign(claims({ exp: Math.floor(Date.now() / 1_000) + 60 }));
    const post = async (headers: Record<string, string>): Promise<number> => {
      const body = JSON.stringify({ query: TYPENAME });
      const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
      return (await fetch(gateway.urls.graphql, sent)).status;
    };
    expect([await post({}), await post(bearer(token))]).toEqual([401, 200]);
    const client = createClient({
      url: gateway.urls.graphql.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${token}` },
    });
    expect((await client.iterate({ query: TYPENAME }).next()).value).toEqual({ data: { __typename: 'Query' } });
    await client.dispose();
  });
});

describe('an administrator', () => {
  it('takes a broker out of service and back in, and subscribers see it', async () => {
    await using gateway = await startGuarded();
    await using watcher = await logIn(gateway, { apiKey: 'key-of-plain' });
    watcher.subscribe('s', 'subscription { brokerStatus(broker: "binance") { enabled state } }');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 1);
    const headers = { 'x-api-key': 'key-of-admin' };
    const off = await gateway.post(SWITCH, { variables: { enabled: false }, headers });
    expect(off.body.data).toEqual({ setBrokerEnabled: { enabled: false, state: 'DISABLED' } });
    await waitFor(() => JSON.stringify(watcher.of('s')).includes('DISABLED'));
    const on = await gateway.post(SWITCH, { variables: { enabled: true }, headers });
    expect(on.body.data).toMatchObject({ setBrokerEnabled: { enabled: true } });
    await waitFor(() => JSON.stringify(watcher.of('s').at(-1)).includes('"enabled":true'));
    expect(gateway.logged.filter((line) => line.includes('broker switched'))).toHaveLength(2);
  });

  it.each([
    ['a login without the role', { 'x-api-key': 'key-of-plain' }],
    ['nobody', {}],
  ])('is not %s', async (_name, headers) => {
    await using gateway = await startGuarded({ auth: { ...AUTH, mode: 'none' } });
    const { body } = await gateway.post(SWITCH, { variables: { enabled: false }, headers });
    expect(codeOf(body)).toBe('FORBIDDEN');
    expect(gateway.manager.configured('binance').enabled).toBe(true);
  });

  it('is a client with a role in its token, and no longer once a renewed token lacks it', async () => {
    await using gateway = await startGuarded();
    await using client = await logIn(gateway, { token: await tokenUntil(300, { roles: ['admin'] }) });
    expect(codeOf(await ask(client, SWITCH, { enabled: true }))).toBeUndefined();
    await ask(client, RENEW, { token: await tokenUntil(600, { roles: [] }) });
    expect(codeOf(await ask(client, SWITCH, { enabled: false }))).toBe('FORBIDDEN');
  });

  it('gets an error for an unknown broker', async () => {
    await using gateway = await startGuarded();
    const query = 'mutation { setBrokerEnabled(broker: "x", enabled: false) { id } }';
    const { body } = await gateway.post(query, { headers: { 'x-api-key': 'key-of-admin' } });
    expect(codeOf(body)).toBe('UNKNOWN_BROKER');
  });
});

/** Takes a client's address from a header of the test. */
function byHeader(services: Services): Services {
  return {
    ...services,
    clientOf: ({ headers }) => ({
      address: String(headers['x-test-address'] ?? '127.0.0.1'),
      secure: true,
      local: true,
    }),
  };
}

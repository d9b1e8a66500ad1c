import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FakeClock } from '../support/FakeClock.ts';
import {
  AUTH,
  ask,
  bearer,
  codeOf,
  gatedLogins,
  introduce,
  logIn,
  startGuarded,
  tokenUntil,
} from '../support/graphqlLogins.ts';
import { waitFor } from '../support/waitFor.ts';
import { NOW, sign } from '../unit/core/login/issuer.ts';

const TYPENAME = '{ __typename }';
const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const RENEW = 'mutation ($token: String!) { renewLogin(token: $token) { expiresAt } }';

describe('over WebSocket', () => {
  it.each([
    ['Authorization of connectionParams', async () => [{ Authorization: `Bearer ${await sign()}` }, {}]],
    ['token of connectionParams', async () => [{ token: await sign() }, {}]],
    ['apiKey of connectionParams', () => [{ apiKey: 'key-of-plain' }, {}]],
    ['headers of connectionParams', async () => [{ headers: { Authorization: `Bearer ${await sign()}` } }, {}]],
    ['x-api-key in headers of connectionParams', () => [{ headers: { 'x-api-key': 'key-of-plain' } }, {}]],
    ['authToken of connectionParams', async () => [{ authToken: await sign() }, {}]],
    ['the header of the upgrade', async () => [undefined, bearer(await sign())]],
    ['connectionParams rather than the header', async () => [{ token: await sign() }, bearer('x.y.z')]],
  ] as [string, () => Promise<[object | undefined, object]>][])('a login is taken from %s', async (_name, brought) => {
    await using gateway = await startGuarded();
    await using client = await logIn(gateway, ...(await brought()));
    expect(await ask(client, TYPENAME)).toEqual({ data: { __typename: 'Query' } });
  });

  it.each([
    ['none', undefined],
    ['a wrong one', { token: 'x.y.z' }],
    ['a wrong key', { apiKey: 'nobody' }],
  ])('a socket with %s is closed with 4403, which graphql-ws clients may try again after', async (_name, payload) => {
    await using gateway = await startGuarded();
    await using client = await introduce(gateway, payload);
    expect(await client.closing()).toEqual({ code: 4403, reason: 'Forbidden' });
    expect(client.messages).toEqual([]);
  });

  it.each([
    ['two logins', { token: 'a', apiKey: 'b' }],
    ['a login that is no text', { token: 7 }],
  ])('%s are a bad message: 4400', async (_name, payload) => {
    await using gateway = await startGuarded();
    await using client = await introduce(gateway, payload);
    const { code, reason } = await client.closing();
    expect(code).toBe(4400);
    expect(reason).toMatch(/one login|text/);
  });

  it('an address that fails too often is closed with 1013, and comes in later', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock });
    for (let time = 0; time < 10; time += 1) await gateway.post(TYPENAME, { headers: bearer('x.y.z') });
    await using client = await introduce(gateway, { token: 'x.y.z' });
    expect((await client.closing()).code).toBe(1013);
    await clock.advance(60_000);
    await using later = await logIn(gateway, { token: await tokenUntil(600) });
    expect(later.closed).toBeNull();
  });

  it('a key with as many connections as it may have is closed with 1013, and comes in when one has gone', async () => {
    await using gateway = await startGuarded();
    await using first = await logIn(gateway, { apiKey: 'key-of-small' });
    await using second = await introduce(gateway, { apiKey: 'key-of-small' });
    expect((await second.closing()).code).toBe(1013);
    first.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    await using third = await logIn(gateway, { apiKey: 'key-of-small' });
    expect(third.closed).toBeNull();
  });

  it('what is asked for while a login is verified waits, and only pings are answered', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await startGuarded({ wrap: gatedLogins(gates) });
    await using client = await introduce(gateway, { apiKey: 'key-of-plain' });
    client.send({ type: 'ping', payload: { first: 1 } });
    client.subscribe('1', TYPENAME);
    client.send({ type: 'ping', payload: { last: 1 } });
    await waitFor(() => gates.length === 1);
    await client.message(({ payload }) => payload !== undefined && 'last' in (payload as object));
    expect(client.messages.map(({ type }) => type)).toEqual(['pong', 'pong']);
    gates[0]?.();
    await client.typed('complete', '1');
    expect(client.messages.map(({ type }) => type)).toEqual(['pong', 'pong', 'connection_ack', 'next', 'complete']);
  });

  it('a second connection_init meanwhile is 4429', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await startGuarded({ wrap: gatedLogins(gates) });
    await using client = await introduce(gateway, { apiKey: 'key-of-plain' });
    client.send({ type: 'connection_init' });
    expect((await client.closing()).code).toBe(4429);
    gates[0]?.();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
  });

  it('more than may wait meanwhile closes with 1013', async () => {
    const limits = { queueBytesPerConnection: 100_000 };
    await using gateway = await startGuarded({ wrap: gatedLogins([]), limits });
    await using client = await introduce(gateway, { apiKey: 'key-of-plain' });
    for (let count = 0; count < 3; count += 1) client.subscribe(String(count), `${TYPENAME} # ${'x'.repeat(50_000)}`);
    expect((await client.closing()).code).toBe(1013);
  });

  it('a client that leaves meanwhile leaves no place taken', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await startGuarded({ wrap: gatedLogins(gates) });
    await using leaving = await introduce(gateway, { apiKey: 'key-of-small' });
    await waitFor(() => gates.length === 1);
    leaving.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    gates[0]?.();
    await using next = await introduce(gateway, { apiKey: 'key-of-small' });
    await waitFor(() => gates.length === 2);
    gates[1]?.();
    await next.message(({ type }) => type === 'connection_ack');
  });
});

describe('the end of a login', () => {
  const quiet = { heartbeatMs: 1_000_000_000 };

  it('is told a minute before, and closes the socket with 4403', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: quiet });
    await using client = await logIn(gateway, { token: await tokenUntil(300) });
    client.subscribe('t', TICKS);
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(239_999);
    await client.roundTrip();
    expect(client.messages.filter(({ type }) => type === 'ping')).toEqual([]);
    await clock.advance(1);
    const notice = await client.message(({ type }) => type === 'ping');
    expect(notice.payload).toEqual({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('renewLogin'),
      expiresAt: new Date((NOW + 300) * 1_000).toISOString(),
    });
    await clock.advance(59_999);
    await client.roundTrip();
    expect(client.closed).toBeNull();
    await clock.advance(1);
    expect((await client.closing()).code).toBe(4403);
    await gateway.isIdle();
  });

  it('is told half-way where less than two minutes are left', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: quiet });
    await using client = await logIn(gateway, { token: await tokenUntil(20) });
    await clock.advance(9_999);
    await client.roundTrip();
    expect(client.messages.some(({ type }) => type === 'ping')).toBe(false);
    await clock.advance(1);
    await client.message(({ type }) => type === 'ping');
  });

  it('is shown by graphql-ws clients, which come again with a new login', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: quiet });
    const tokens = [await tokenUntil(100), await tokenUntil(10_000)];
    const notices: unknown[] = [];
    const closes: number[] = [];
    const client = createClient({
      url: gateway.wsUrl,
      webSocketImpl: WebSocket,
      retryWait: () => Promise.resolve(),
      connectionParams: () => ({ token: tokens.shift() }),
      on: {
        ping: (received, payload) => received && notices.push(payload),
        closed: (event) => closes.push((event as { code: number }).code),
      },
    });
    const bids: unknown[] = [];
    client.subscribe(
      { query: TICKS },
      { next: ({ data }) => bids.push(data), error: (error) => bids.push(error), complete: () => undefined },
    );
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(50_000);
    await waitFor(() => notices.length === 1);
    await clock.advance(80_000);
    await waitFor(() => closes[0] === 4403);
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 1);
    gateway.tick('7');
    await waitFor(() => bids.length === 1);
    expect(bids).toEqual([{ marketData: { bid: '7' } }]);
    await client.dispose();
  });

  it('moves when the login is renewed, and nothing that runs notices', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: quiet });
    await using client = await logIn(gateway, { token: await tokenUntil(300) });
    client.subscribe('t', TICKS);
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(240_000);
    await client.message(({ type }) => type === 'ping');
    const { data } = await ask(client, RENEW, { token: await tokenUntil(1_000) });
    expect(data).toEqual({ renewLogin: { expiresAt: new Date((NOW + 1_000) * 1_000).toISOString() } });
    await clock.advance(200_000);
    gateway.tick('1');
    await client.typed('next', 't');
    expect(client.messages.filter(({ type }) => type === 'ping')).toHaveLength(1);
    await clock.advance(500_000);
    await waitFor(() => client.messages.filter(({ type }) => type === 'ping').length === 2);
    await clock.advance(90_000);
    expect((await client.closing()).code).toBe(4403);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['another client’s', async () => tokenUntil(1_000, { sub: 'mallory' }), 'FORBIDDEN'],
    ['expired', async () => tokenUntil(-100), 'UNAUTHENTICATED'],
    ['nonsense', () => 'x.y.z', 'UNAUTHENTICATED'],
  ])('does not move for a token that is %s, and the socket stays', async (_name, token, code) => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, options: quiet });
    await using client = await logIn(gateway, { token: await tokenUntil(300) });
    expect(codeOf(await ask(client, RENEW, { token: await token() }))).toBe(code);
    await clock.advance(330_000);
    expect((await client.closing()).code).toBe(4403);
  });

  it('can’t be bought by an anonymous socket', async () => {
    await using gateway = await startGuarded({ auth: { ...AUTH, mode: 'none' } });
    await using client = await logIn(gateway);
    expect(codeOf(await ask(client, RENEW, { token: await sign() }))).toBe('FORBIDDEN');
  });

  it('leaves no timer behind for a socket that has gone before', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock });
    await using client = await logIn(gateway, { token: await tokenUntil(300) });
    client.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    expect(clock.pending).toBe(0);
  });
});

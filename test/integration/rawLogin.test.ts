import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import { claims, NOW, SECRET, settings, sign } from '../unit/core/login/issuer.ts';
import { tick, trade } from '../support/events.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const JWT = { jwt: settings({ secret: SECRET }) };
const REQUIRED: Partial<AuthSettings> = { mode: 'required', ...JWT };
/** Long enough that a test can advance time without anybody being cut off. */
const NEVER_MS = 24 * 3_600_000;

function keyed(limits: AuthSettings['apiKeys'][number]['limits'], mode: AuthSettings['mode'] = 'none') {
  const sha256 = createHash('sha256').update('the-key').digest('hex');
  const other = createHash('sha256').update('other-key').digest('hex');
  const keys = [
    { id: 'mine', sha256, roles: [], limits },
    { id: 'other', sha256: other, roles: [], limits: {} },
  ];
  return { auth: { mode, apiKeys: keys, ...JWT } };
}

function withKey(url: string, key = 'the-key'): Promise<RawClient> {
  return RawClient.connect(url, { headers: { 'x-api-key': key } });
}

function logIn(client: RawClient, credentials: object) {
  return client.ask({ action: 'auth', credentials });
}

describe('a gateway with required logins', () => {
  it('does nothing else for a client before it has logged in, by a token or a key', async () => {
    await using gateway = await RawGateway.start({ ...keyed({}, 'required'), clock: new FakeClock() });
    for (const credentials of [{ token: await sign() }, { apiKey: 'the-key' }]) {
      await using client = await RawClient.connect(gateway.url);
      expect(client.messages[0]).toMatchObject({ status: 'connected', message: expect.stringContaining('Log in') });
      for (const message of [
        { action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'] },
        { action: 'unsubscribe' },
        { action: 'list' },
        { action: 'ping' },
        { action: 'auth', broker: 'binance', credentials: { token: 'x' } },
        { action: 'auth', credentials: { session: 'x' } },
      ]) {
        expect(await client.ask(message)).toMatchObject({ type: 'error', code: 'UNAUTHENTICATED', retryable: false });
      }
      expect(await logIn(client, credentials)).toMatchObject({ type: 'status', status: 'authenticated' });
      expect(await client.subscribe('binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
    }
  });

  it('accepts a token in the handshake', async () => {
    await using gateway = await RawGateway.start({ auth: REQUIRED, clock: new FakeClock() });
    const headers = { Authorization: `Bearer ${await sign()}` };
    await using client = await RawClient.connect(gateway.url, { headers });
    expect(await client.subscribe('binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
  });

  it('closes a client that has not logged in after 10 seconds with 1008, and no client that has', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({ auth: REQUIRED, clock, heartbeatMs: NEVER_MS });
    await using silent = await RawClient.connect(gateway.url);
    await using client = await RawClient.connect(gateway.url);
    await clock.advance(9_999);
    await logIn(client, { token: await sign() });
    expect(await logIn(silent, { token: 'wrong' })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(silent.closed).toBeNull();
    await clock.advance(1);
    expect(await silent.waitForClose()).toMatchObject({ code: 1008, reason: expect.stringContaining('10 seconds') });
    await clock.advance(60_000);
    expect(await client.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
  });

  it('leaves no timer behind', async () => {
    const clock = new FakeClock();
    {
      await using gateway = await RawGateway.start({ auth: REQUIRED, clock });
      await using silent = await RawClient.connect(gateway.url);
      await using client = await RawClient.connect(gateway.url);
      await logIn(client, { token: await sign() });
      await silent.close();
    }
    expect(clock.pending).toBe(0);
  });
});

describe('a wrong login', () => {
  it('in the handshake gets 401, and 429 with the time to wait after ten of them, whatever follows', async () => {
    await using gateway = await RawGateway.start({ auth: { ...REQUIRED, mode: 'none' }, clock: new FakeClock() });
    const right = { Authorization: `Bearer ${await sign()}` };
    expect((await upgrade(gateway.url, '/ws', right)).status).toBe(101);
    for (let count = 0; count < 10; count += 1) {
      const { status, headers, body } = await upgrade(gateway.url, '/ws', { Authorization: 'Bearer canary' });
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'UNAUTHENTICATED', retryable: false } });
      expect(body).not.toContain('canary');
    }
    const { status, headers, body } = await upgrade(gateway.url, '/ws', right);
    expect([status, headers.get('retry-after')]).toEqual([429, '60']);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'RATE_LIMITED', retryable: true } });
    expect((await upgrade(gateway.url, '/ws')).status).toBe(101);
  });

  it('in the handshake gets 400 if two are given at once', async () => {
    await using gateway = await RawGateway.start({ auth: REQUIRED });
    const both = { Authorization: 'Bearer a', 'X-Api-Key': 'b' };
    expect((await upgrade(gateway.url, '/ws', both)).status).toBe(400);
  });

  it('by auth is answered with its id, and with RATE_LIMITED after ten', async () => {
    await using gateway = await RawGateway.start({ auth: REQUIRED, clock: new FakeClock() });
    await using client = await RawClient.connect(gateway.url);
    for (let count = 0; count < 10; count += 1) {
      expect(await logIn(client, { token: 'canary' })).toMatchObject({ type: 'error', code: 'UNAUTHENTICATED' });
    }
    const limited = await logIn(client, { token: await sign() });
    expect(limited).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 60_000 });
    expect(JSON.stringify(client.messages)).not.toContain('canary');
  });
});

describe('a login over plain text from another machine', () => {
  it('is refused, by 403 in the handshake and by FORBIDDEN afterwards, unless it is allowed', async () => {
    const options = { auth: REQUIRED, clock: new FakeClock(), secure: false };
    await using gateway = await RawGateway.start(options);
    const headers = { Authorization: `Bearer ${await sign()}` };
    const { status, body } = await upgrade(gateway.url, '/ws', headers);
    expect([status, JSON.parse(body)]).toMatchObject([403, { error: { code: 'FORBIDDEN' } }]);
    await using client = await RawClient.connect(gateway.url);
    expect(await logIn(client, { token: await sign() })).toMatchObject({ code: 'FORBIDDEN' });
    await using lenient = await RawGateway.start({ ...options, allowInsecureCredentials: true });
    expect((await upgrade(lenient.url, '/ws', headers)).status).toBe(101);
    await using allowed = await RawClient.connect(lenient.url);
    expect(await logIn(allowed, { token: await sign() })).toMatchObject({ status: 'authenticated' });
  });
});

describe('the end of a login', () => {
  const exp = NOW + 600;
  const notices = ({ messages }: RawClient) => messages.filter(({ message }) => String(message).includes('ends soon'));

  it('is announced a minute before, and the connection is closed with 1008', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({ auth: REQUIRED, clock, heartbeatMs: NEVER_MS });
    await using client = await RawClient.connect(gateway.url);
    const expiresAt = new Date(exp * 1_000).toISOString();
    expect(await logIn(client, { token: await sign(claims({ exp })) })).toMatchObject({ expiresAt });
    await clock.advance(539_999);
    await client.ask({ action: 'ping' });
    expect(notices(client)).toEqual([]);
    await clock.advance(1);
    await waitFor(() => notices(client).length === 1);
    expect(notices(client)[0]).toMatchObject({ type: 'status', status: 'authenticated', expiresAt });
    await clock.advance(59_999);
    await client.ask({ action: 'ping' });
    expect(client.closed).toBeNull();
    await clock.advance(1);
    expect(await client.waitForClose()).toMatchObject({ code: 1008, reason: expect.stringContaining('ended') });
    expect(notices(client)).toHaveLength(1);
  });

  it('is announced half-way if it is less than a minute away', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({ auth: REQUIRED, clock, heartbeatMs: NEVER_MS });
    const headers = { Authorization: `Bearer ${await sign(claims({ exp: NOW + 40 }))}` };
    await using client = await RawClient.connect(gateway.url, { headers });
    await clock.advance(19_999);
    await client.ask({ action: 'ping' });
    expect(notices(client)).toEqual([]);
    await clock.advance(1);
    await waitFor(() => notices(client).length === 1);
  });

  it('is moved by another login of the same client, and by nobody else’s', async () => {
    const clock = new FakeClock();
    const { auth } = keyed({}, 'required');
    await using gateway = await RawGateway.start({ auth, clock, heartbeatMs: NEVER_MS });
    await using client = await RawClient.connect(gateway.url);
    await logIn(client, { token: await sign(claims({ exp })) });
    await client.subscribe('binance', ['BTCUSDT']);
    await clock.advance(560_000);
    const bob = await sign(claims({ sub: 'bob', exp: exp + 600 }));
    for (const credentials of [{ token: bob }, { apiKey: 'the-key' }]) {
      expect(await logIn(client, credentials)).toMatchObject({ type: 'error', code: 'FORBIDDEN' });
    }
    const renewed = await logIn(client, { token: await sign(claims({ exp: exp + 600 })) });
    expect(renewed).toMatchObject({ expiresAt: new Date((exp + 600) * 1_000).toISOString() });
    await clock.advance(570_000);
    await gateway.wanted('tick BTCUSDT');
    gateway.broker().sink.onEvent(gateway.broker().feed('tick BTCUSDT'), tick(1));
    await waitFor(() => client.data('tick').length === 1);
    await clock.advance(100_000);
    expect((await client.waitForClose()).code).toBe(1008);
  });
});

describe('a gateway without required logins', () => {
  it('accepts a login all the same', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const answer = await logIn(client, { token: 'whatever' });
    expect(answer).toMatchObject({ status: 'authenticated', message: expect.stringContaining('asks nobody') });
    expect(answer).not.toHaveProperty('expiresAt');
  });

  it('accepts a login later, but not after an anonymous client has given broker credentials', async () => {
    const brokers = { binance: { lists: ['BTCUSDT'], check: () => Promise.resolve() } };
    await using gateway = await RawGateway.start({ ...keyed({}), brokers });
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT']);
    await client.ask({ action: 'auth', broker: 'binance', credentials: { token: 't' } });
    expect(await logIn(client, { apiKey: 'the-key' })).toMatchObject({ code: 'FORBIDDEN' });
    await using later = await RawClient.connect(gateway.url);
    expect(await logIn(later, { apiKey: 'the-key' })).toMatchObject({ status: 'authenticated' });
    expect(await logIn(later, { apiKey: 'other-key' })).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('lets only the client that began a session use it', async () => {
    const brokers = { binance: { lists: ['BTCUSDT'], check: () => Promise.resolve() } };
    await using gateway = await RawGateway.start({ ...keyed({}), brokers });
    await using mine = await withKey(gateway.url);
    const { session } = await mine.ask({ action: 'auth', broker: 'binance', credentials: { token: 't' } });
    await using other = await withKey(gateway.url, 'other-key');
    await using nobody = await RawClient.connect(gateway.url);
    for (const client of [other, nobody]) {
      expect(await logIn(client, { session })).toMatchObject({ type: 'error', code: 'UNAUTHENTICATED' });
    }
    await using mineToo = await withKey(gateway.url);
    expect(await logIn(mineToo, { session })).toMatchObject({ status: 'authenticated', session });
  });
});

describe("an API key's own limits replace the general ones for", () => {
  const lists = Array.from({ length: 10 }, (_unused, index) => `S${index}`);
  const brokers = { b: { lists } };

  it.each(['header', 'auth'])(
    'subscriptions and symbols, whether lower or higher, with a login by %s',
    async (means) => {
      const limits = { subscriptionsPerConnection: 2, symbolsPerSubscription: 3 };
      const enter = async (url: string): Promise<RawClient> => {
        if (means === 'header') return withKey(url);
        const client = await RawClient.connect(url);
        await logIn(client, { apiKey: 'the-key' });
        return client;
      };
      for (const [own, general] of [
        [{ subscriptionsPerConnection: 1, symbolsPerSubscription: 2 }, limits],
        [limits, { subscriptionsPerConnection: 1, symbolsPerSubscription: 2 }],
      ] as const) {
        await using gateway = await RawGateway.start({ ...keyed(own), brokers, limits: general });
        await using client = await enter(gateway.url);
        await using neighbour = await RawClient.connect(gateway.url);
        for (const [each, may] of [
          [client, own],
          [neighbour, general],
        ] as const) {
          const symbols = lists.slice(0, may.symbolsPerSubscription + 1);
          expect(await each.subscribe('b', symbols)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
          expect(await each.subscribe('b', symbols.slice(1))).toMatchObject({ status: 'subscribed' });
          if (may.subscriptionsPerConnection === 2) await each.subscribe('b', ['S8']);
          expect(await each.subscribe('b', ['S9'])).toMatchObject({ code: 'LIMIT_EXCEEDED' });
        }
      }
    },
  );

  it('messages a second, and bad messages a minute', async () => {
    const clock = new FakeClock();
    const own = { messagesPerSecond: 1, invalidMessagesPerMinute: 2 };
    await using gateway = await RawGateway.start({ ...keyed(own), clock });
    await using client = await withKey(gateway.url);
    await using neighbour = await RawClient.connect(gateway.url);
    for (const each of [client, neighbour]) for (let count = 0; count < 3; count += 1) each.send('nonsense');
    expect((await client.waitForClose()).code).toBe(1008);
    await using another = await withKey(gateway.url);
    for (const each of [another, neighbour]) for (let id = 0; id < 200; id += 1) each.send({ action: 'ping', id });
    await neighbour.waitFor(({ id }) => id === 100);
    // How much more is read at once depends on how the messages were divided on their way.
    await clock.advance(1_000);
    await neighbour.waitFor(({ id }) => id === 150);
    expect(another.messages.some(({ id }) => id === 150)).toBe(false);
  });

  it('the memory for a client that does not read', async () => {
    const own = keyed({ queueBytesPerConnection: 4_096 });
    await using gateway = await RawGateway.start({ ...own, limits: { queueBytesPerConnection: 64 * 1_048_576 } });
    await using slow = await RawClient.connect(gateway.url);
    await logIn(slow, { apiKey: 'the-key' });
    await using patient = await RawClient.connect(gateway.url);
    await using healthy = await RawClient.connect(gateway.url);
    for (const client of [slow, patient, healthy]) await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    await gateway.wanted('trade BTCUSDT');
    const { sink } = gateway.broker();
    const feed = gateway.broker().feed('trade BTCUSDT');
    for (const { socket } of [slow, patient]) socket.pause();
    const closed = () => gateway.metric('slow_consumers_closed_total', { protocol: 'raw' });
    let sent = 0;
    // The kernel buffers the same for both, and the gateway more than the lower limit beyond that.
    for (let more = 3_000; more > 0; more -= (await closed()) === 0 ? 0 : 200) {
      for (let count = 0; count < 200; count += 1) sink.onEvent(feed, trade((sent += 1)));
      await waitFor(() => healthy.messages.length === sent + 2);
    }
    expect(await closed()).toBe(1);
    for (const { socket } of [slow, patient]) socket.resume();
    expect((await slow.waitForClose()).code).toBe(1013);
    await waitFor(() => patient.data('trade').length === sent);
    expect([patient.closed, healthy.closed]).toEqual([null, null]);
  });

  it('connections: with 429 in the handshake, with LIMIT_EXCEEDED afterwards; closing one makes room', async () => {
    await using gateway = await RawGateway.start(keyed({ connections: 2 }));
    await using first = await withKey(gateway.url);
    await using second = await RawClient.connect(gateway.url);
    await logIn(second, { apiKey: 'the-key' });
    expect(await logIn(second, { apiKey: 'the-key' })).toMatchObject({ status: 'authenticated' });
    const { status, body } = await upgrade(gateway.url, '/ws', { 'X-Api-Key': 'the-key' });
    expect([status, JSON.parse(body)]).toMatchObject([429, { error: { code: 'LIMIT_EXCEEDED' } }]);
    await using third = await RawClient.connect(gateway.url);
    expect(await logIn(third, { apiKey: 'the-key' })).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect((await upgrade(gateway.url, '/ws', { 'X-Api-Key': 'other-key' })).status).toBe(101);
    expect(await second.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
    await first.close();
    await gateway.settles('connections', { protocol: 'raw' }, 2);
    expect(await logIn(third, { apiKey: 'the-key' })).toMatchObject({ status: 'authenticated' });
  });

  it('connections whose handshake fails, which do not count', async () => {
    await using gateway = await RawGateway.start(keyed({ connections: 1 }));
    for (let count = 0; count < 3; count += 1) {
      const odd = await upgrade(gateway.url, '/ws', { 'X-Api-Key': 'the-key', 'Sec-WebSocket-Version': '99' });
      expect(odd.status).toBe(400);
    }
    await waitFor(() => gateway.http.upgradedConnections === 0);
    await using client = await withKey(gateway.url);
    expect(await client.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
  });
});

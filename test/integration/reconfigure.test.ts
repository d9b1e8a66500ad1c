import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { Services } from '../../src/core/Services.ts';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { logIn, startGuarded } from '../support/graphqlLogins.ts';
import { upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { gatewayConfig, standInBroker, startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const BROKERS = { mock: { kind: 'mock-binance', ticksPerSecond: 50 } };
const TICKS = 'subscription { marketData(broker: "mock", symbols: ["BTCUSDT"]) { sequence } }';
const DISABLE = 'mutation { setBrokerEnabled(broker: "mock", enabled: true) { enabled } }';

/** An API key; `key-of-a` is that of `a`. */
function keyOf(id: string, more: object = {}, key = `key-of-${id}`): object {
  return { id, sha256: createHash('sha256').update(key).digest('hex'), ...more };
}

function reconfigure(gateway: MarketDataServer, config: Record<string, unknown>): void {
  gateway.reconfigure(gatewayConfig({ brokers: BROKERS, ...config }));
}

function raw(gateway: MarketDataServer, id?: string): Promise<RawClient> {
  return RawClient.connect(gateway.urls.http, id === undefined ? {} : { headers: { 'x-api-key': `key-of-${id}` } });
}

async function graphql(gateway: MarketDataServer, id?: string): Promise<TransportWsClient> {
  const client = await TransportWsClient.open(gateway.urls.graphql.replace('http', 'ws'));
  client.send({ type: 'connection_init', ...(id === undefined ? {} : { payload: { apiKey: `key-of-${id}` } }) });
  await client.message(({ type }) => type === 'connection_ack');
  return client;
}

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

async function ask(client: TransportWsClient, query: string): Promise<Answer> {
  const id = `ask-${client.messages.length}`;
  client.subscribe(id, query);
  const { type, payload } = await client.message((message) => message.id === id && message.type !== 'complete');
  return type === 'error' ? { errors: payload as NonNullable<Answer['errors']> } : (payload as Answer);
}

describe('API keys that change while their clients are connected', () => {
  const auth = (...apiKeys: object[]) => ({ auth: { mode: 'required', apiKeys } });
  const ADMIN = { roles: ['admin'] };

  it('end the logins with a key that is gone or has another digest, as an expired login ends, and no other', async () => {
    await using gateway = await startGateway({
      config: { brokers: BROKERS, ...auth(keyOf('gone'), keyOf('rotated'), keyOf('kept')) },
    });
    await using clients = new AsyncDisposableStack();
    const connect = async (id: string) => ({
      raw: clients.use(await raw(gateway, id)),
      graphql: clients.use(await graphql(gateway, id)),
      sse: clients.use(await SseClient.subscribe(gateway.urls.graphql, TICKS, { 'x-api-key': `key-of-${id}` })),
    });
    const ended = [await connect('gone'), await connect('rotated')];
    const kept = await connect('kept');
    await kept.sse.count(1);
    reconfigure(gateway, auth(keyOf('kept'), keyOf('rotated', {}, 'another'), keyOf('new')));
    for (const client of ended) {
      expect(await client.graphql.closing()).toMatchObject({ code: 4403 });
      expect(await client.raw.waitForClose()).toMatchObject({
        code: 1008,
        reason: expect.stringContaining('has ended'),
      });
      await waitFor(() => client.sse.ended, 'the end of the stream');
      expect(client.sse.events.some(({ data }) => data.includes('UNAUTHENTICATED'))).toBe(true);
    }
    const before = kept.sse.events.length;
    await kept.sse.count(before + 3);
    expect(await kept.raw.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
    await kept.graphql.roundTrip();
    await using newcomer = await raw(gateway, 'new');
    expect(newcomer.closed).toBeNull();
    await expect(raw(gateway, 'gone')).rejects.toThrow();
  });

  it('give and take roles and limits at once', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS, ...auth(keyOf('a', ADMIN), keyOf('b')) } });
    await using a = await graphql(gateway, 'a');
    await using b = await graphql(gateway, 'b');
    const codes = async () =>
      Promise.all([a, b].map(async (client) => (await ask(client, DISABLE)).errors?.[0]?.extensions.code));
    expect(await codes()).toEqual([undefined, 'FORBIDDEN']);
    reconfigure(gateway, auth(keyOf('a', { limits: { queryDepth: 1 } }), keyOf('b', ADMIN)));
    expect(await codes()).toEqual(['LIMIT_EXCEEDED', undefined]);
    reconfigure(gateway, auth(keyOf('a'), keyOf('b', ADMIN)));
    expect(await codes()).toEqual(['FORBIDDEN', undefined]);
  });

  it('keep nothing of a client that has left', async () => {
    let followed = 0;
    const wrap = (services: Services): Services => {
      const { logins } = services;
      const real = logins.watch.bind(logins);
      logins.watch = (...watched) => {
        const following = real(...watched);
        if (following === null) return null;
        followed += 1;
        return {
          [Symbol.dispose]: () => {
            followed -= 1;
            following[Symbol.dispose]();
          },
        };
      };
      return services;
    };
    await using gateway = await startGuarded({ wrap });
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    expect(followed).toBe(1);
    client.socket.close();
    await waitFor(() => followed === 0, 'the key to be followed no longer');
  });

  it('end the login of a client that logged in after it had connected', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS, ...auth(keyOf('a'), keyOf('b')) } });
    await using client = await raw(gateway);
    expect(await client.ask({ action: 'auth', credentials: { apiKey: 'key-of-a' } })).toMatchObject({
      status: 'authenticated',
    });
    reconfigure(gateway, auth(keyOf('b')));
    expect(await client.waitForClose()).toMatchObject({ code: 1008 });
  });

  it('are asked for from now on if logins become required; who is connected stays', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    await using stays = await graphql(gateway);
    reconfigure(gateway, auth(keyOf('a')));
    expect((await ask(stays, '{ brokers { id } }')).data).toEqual({ brokers: [{ id: 'mock' }] });
    await using late = await TransportWsClient.open(gateway.urls.graphql.replace('http', 'ws'));
    late.send({ type: 'connection_init' });
    expect(await late.closing()).toMatchObject({ code: 4403 });
    reconfigure(gateway, {});
    await using open = await graphql(gateway);
    expect((await ask(open, '{ brokers { id } }')).errors).toBeUndefined();
  });
});

describe('limits that change', () => {
  it('hold for whoever is connected, and for whoever connects', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    await using socket = await graphql(gateway);
    await using client = await raw(gateway);
    const subscribe = (symbols: readonly string[], type: string) => client.subscribe('mock', symbols, [type]);
    expect(await subscribe(['BTCUSDT', 'ETHUSDT'], 'tick')).toMatchObject({ status: 'subscribed' });
    reconfigure(gateway, {
      limits: { connections: 3, subscriptionsPerConnection: 1, symbolsPerSubscription: 1, queryDepth: 1 },
    });
    expect(await subscribe(['BTCUSDT'], 'trade')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await subscribe(['BTCUSDT', 'ETHUSDT'], 'tick')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect((await ask(socket, '{ brokers { id } }')).errors?.[0]?.extensions.code).toBe('LIMIT_EXCEEDED');
    await using _third = await raw(gateway);
    await expect(raw(gateway)).rejects.toThrow();
    reconfigure(gateway, {});
    await using _fourth = await raw(gateway);
    expect(await subscribe(['BTCUSDT'], 'trade')).toMatchObject({ status: 'subscribed' });
  });

  it('bound what may wait for a client that subscribes anew, and what may wait from it', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    await using client = await raw(gateway);
    await using socket = await graphql(gateway);
    const long = 'x'.repeat(3_000);
    // Few messages are handled at once, so that the others wait.
    const few = { messagesPerSecond: 1, subscriptionsPerConnection: 1 };
    reconfigure(gateway, { limits: { queueBytesPerConnection: 2_000, ...few } });
    const { errors } = await ask(socket, `{ brokers { id } } # ${long}`);
    expect(errors?.[0]?.extensions.code).toBe('LIMIT_EXCEEDED');
    await client.subscribe('mock', ['BTCUSDT']);
    for (let each = 0; each < 6; each += 1) client.send({ action: 'ping', id: long });
    expect(await client.waitForClose()).toMatchObject({ code: 1013 });
  });
});

describe('other settings that change', () => {
  it('decide from now on who may read the metrics', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    const read = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`${gateway.urls.http}/metrics`, { headers })).status;
    };
    expect(await read()).toBe(200);
    reconfigure(gateway, { metrics: { access: 'token', token: 'first' } });
    expect([await read(), await read('first')]).toEqual([403, 200]);
    reconfigure(gateway, { metrics: { access: 'token', token: 'second' } });
    expect([await read('first'), await read('second')]).toEqual([403, 200]);
  });

  it('decide from now on which pages may connect', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    const statuses = () =>
      Promise.all(
        ['/ws', '/graphql'].map(async (path) => {
          const headers = { Origin: 'https://a.example', 'Sec-WebSocket-Protocol': 'graphql-transport-ws' };
          return (await upgrade(gateway.urls.http, path, headers)).status;
        }),
      );
    expect(await statuses()).toEqual([403, 403]);
    reconfigure(gateway, { server: { allowedOrigins: ['https://a.example'] } });
    expect(await statuses()).toEqual([101, 101]);
    reconfigure(gateway, {});
    expect(await statuses()).toEqual([403, 403]);
  });

  it('decide from now on which proxies are believed, and whether credentials may come over plain text', async () => {
    await using gateway = await startGateway({ config: { brokers: { ...BROKERS, mine: { kind: 'mock-oanda' } } } });
    const brokers = { ...BROKERS, mine: { kind: 'mock-oanda' } };
    const query =
      'mutation { authenticateBroker(broker: "mine", credentials: { token: "mock-token", accountId: "mock-account" }) { expiresAt } }';
    const code = async () => {
      const answer = await fetch(gateway.urls.graphql, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' },
        body: JSON.stringify({ query }),
      });
      return ((await answer.json()) as Answer).errors?.[0]?.extensions.code;
    };
    expect(await code()).toBe('FORBIDDEN');
    reconfigure(gateway, { brokers, server: { trustedProxies: ['127.0.0.0/8', '::1'] } });
    expect(await code()).toBeUndefined();
    reconfigure(gateway, { brokers });
    expect(await code()).toBe('FORBIDDEN');
    reconfigure(gateway, { brokers, server: { allowInsecureCredentials: true } });
    expect(await code()).toBeUndefined();
  });

  it('decide from now on how long a session is kept that nobody uses', async () => {
    const brokers = { mine: { kind: 'mock-oanda' } };
    await using gateway = await startGateway({ config: { brokers } });
    await using client = await raw(gateway);
    const keptMs = async () => {
      const credentials = { token: 'mock-token', accountId: 'mock-account' };
      const { expiresAt } = await client.ask({ action: 'authenticate', broker: 'mine', credentials });
      return Date.parse(String(expiresAt)) - Date.now();
    };
    expect(await keptMs()).toBeGreaterThan(800_000);
    reconfigure(gateway, { brokers, sessions: { idleTimeoutMs: 30_000 } });
    expect(await keptMs()).toBeLessThanOrEqual(30_000);
  });

  it('decide from now on what silence means', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    const told = vi.spyOn(gateway.manager, 'staleAfterMs', 'set');
    reconfigure(gateway, { feeds: { staleAfterMs: 777 } });
    expect(told).toHaveBeenCalledExactlyOnceWith(777);
  });

  it('decide from now on whether the schema and GraphiQL are shown', async () => {
    await using gateway = await startGateway({ config: { brokers: BROKERS } });
    await using socket = await graphql(gateway);
    const introspects = async () => (await ask(socket, '{ __schema { queryType { name } } }')).errors === undefined;
    const suggests = async () =>
      JSON.stringify((await ask(socket, '{ brokerz { id } }')).errors).includes('Did you mean');
    const shows = async () => {
      const answer = await fetch(gateway.urls.graphql, { headers: { accept: 'text/html' } });
      return answer.headers.get('content-security-policy') !== null;
    };
    expect(await introspects()).toBe(true);
    reconfigure(gateway, { graphql: { introspection: false, graphiql: false } });
    expect([await introspects(), await suggests(), await shows()]).toEqual([false, false, false]);
    reconfigure(gateway, {});
    expect([await introspects(), await suggests()]).toEqual([true, true]);
  });
});

describe('a broker with accounts of clients', () => {
  const MINE = { ...BROKERS, mine: { kind: 'mock-oanda', ticksPerSecond: 50 } };
  const credentials = { token: 'mock-token', accountId: 'mock-account' };
  const authenticate = (client: RawClient, broker: string) =>
    client.ask({ action: 'authenticate', broker, credentials });

  it('that comes back serves no client by credentials that this client has no more', async () => {
    const config = { brokers: { ...MINE, second: { kind: 'mock-oanda' } } };
    await using gateway = await startGateway({ config });
    const withoutMine = { brokers: { ...BROKERS, second: { kind: 'mock-oanda' } } };
    await using other = await raw(gateway);
    await using client = await raw(gateway);
    for (const each of [other, client]) {
      await authenticate(each, 'mine');
      await each.subscribe('mine', ['EUR_USD']);
    }
    await using elsewhere = await raw(gateway);
    const { session } = await authenticate(elsewhere, 'second');
    await waitFor(() => client.data('tick').length > 3);
    reconfigure(gateway, withoutMine);
    await client.waitFor(({ status }) => status === 'closed');
    await client.ask({ action: 'auth', credentials: { session } });
    await client.waitFor(({ message }) => message === 'The credentials were withdrawn.');
    const [had, otherHad] = [client.data('tick').length, other.data('tick').length];
    reconfigure(gateway, config);
    await waitFor(() => other.data('tick').length > otherHad + 5, 'ticks for the client that kept its credentials');
    await client.ask({ action: 'ping' });
    expect(client.data('tick')).toHaveLength(had);
    // With credentials it goes on.
    await authenticate(client, 'mine');
    await waitFor(() => client.data('tick').length > had + 5);
  });

  it('that is removed lets go of credentials when the client says so', async () => {
    await using gateway = await startGateway({ config: { brokers: MINE } });
    await using socket = await graphql(gateway);
    const fields = 'broker: "mine", credentials: { token: "mock-token", accountId: "mock-account" }';
    expect((await ask(socket, `mutation { authenticateBroker(${fields}) { session } }`)).errors).toBeUndefined();
    reconfigure(gateway, {});
    const letGo = 'mutation { deauthenticateBroker(broker: "mine") }';
    expect((await ask(socket, letGo)).data).toEqual({ deauthenticateBroker: true });
    expect((await ask(socket, letGo)).errors?.[0]?.extensions.code).toBe('UNKNOWN_BROKER');
  });
});

describe('a venue that is opened anew', () => {
  it('is left alone as long as it wants no requests', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.rest.nextStatus(418, { retryAfterSeconds: 60 });
    const brokersWith = (trades: string) => ({ brokers: { binance: standInBroker(venue, { trades }) } });
    await using gateway = await startGateway({ config: brokersWith('individual') });
    await using client = await raw(gateway);
    await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    await venue.waitForSubscription('btcusdt@trade');
    expect(venue.requests).toHaveLength(1);
    reconfigure(gateway, brokersWith('aggregate'));
    await venue.waitForSubscription('btcusdt@aggTrade');
    venue.market('BTCUSDT').trade();
    await waitFor(() => client.data('trade').length > 0, 'a trade');
    expect(venue.requests).toHaveLength(1);
  });
});

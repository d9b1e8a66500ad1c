import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { AUDIENCE, claims, ISSUER, jwkOf, sign } from '../unit/core/login/issuer.ts';
import { KeyServer } from '../unit/core/login/KeyServer.ts';

const PAIR = generateKeyPairSync('rsa', { modulusLength: 2_048 });
/** Fewer than an address may fail within a minute, for it must still get in. */
const STORM = 50;

async function tokenFor(seconds: number, kid = 'known'): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + seconds;
  return sign(claims({ exp }), { alg: 'RS256', key: PAIR.privateKey, header: { kid } });
}

async function logIn({ urls }: MarketDataServer, token: string): Promise<TransportWsClient> {
  const client = await TransportWsClient.open(urls.graphql.replace('http', 'ws'));
  client.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
  await waitFor(() => client.closed ?? client.messages[0], 'the login to be accepted or refused');
  return client;
}

it('while the key server is away, clients log in by the keys that are known, who is connected misses nothing, and a storm of unknown keys asks it once', async () => {
  await using server = await KeyServer.start(await jwkOf(PAIR, 'known'));
  const jwt = { jwksUrl: server.url, issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'] };
  await using gateway = await startGateway({
    config: { auth: { mode: 'required', jwt }, brokers: { mock: { kind: 'mock-binance', ticksPerSecond: 100 } } },
  });
  await using subscriber = await logIn(gateway, await tokenFor(3_600));
  subscriber.subscribe('s', 'subscription { marketData(broker: "mock", symbols: ["BTCUSDT"]) { sequence } }');
  await waitFor(() => subscriber.of('s').length > 5, 'ticks');
  expect(server.fetches).toBe(1);

  server.answer = { kind: 'status', status: 503 };
  await using late = await logIn(gateway, await tokenFor(3_600));
  expect(late.messages[0]?.type).toBe('connection_ack');
  await using raw = await RawClient.connect(gateway.urls.raw);
  const answer = await raw.ask({ action: 'auth', credentials: { token: await tokenFor(3_600) } });
  expect(answer['status']).toBe('authenticated');

  const storm = await Promise.all(
    Array.from({ length: STORM }, async (_, at) => logIn(gateway, await tokenFor(3_600, `unknown ${at}`))),
  );
  // Their keys may be new, so they are asked to come back, and it counts against nobody.
  expect(new Set(storm.map(({ closed }) => closed?.code))).toEqual(new Set([1013]));
  expect(server.fetches).toBeLessThanOrEqual(2);
  await using again = await logIn(gateway, await tokenFor(3_600));
  expect(again.messages[0]?.type).toBe('connection_ack');

  const before = subscriber.of('s').length;
  await waitFor(() => subscriber.of('s').length > before + 5, 'more ticks');
  const sequences = subscriber
    .of('s')
    .map(({ payload }) => Number(/"sequence":(\d+)/.exec(JSON.stringify(payload))?.[1]));
  expect(sequences).toEqual(sequences.map((_, at) => (sequences[0] ?? 0) + at));
  expect(subscriber.closed).toBeNull();
});

it('a login that ends while its client is connected closes the socket with 4403 in time, and a new one gets in', async () => {
  await using server = await KeyServer.start(await jwkOf(PAIR, 'known'));
  const jwt = { jwksUrl: server.url, issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'] };
  await using gateway = await startGateway({
    config: { auth: { mode: 'required', jwt }, brokers: { mock: { kind: 'mock-binance', ticksPerSecond: 100 } } },
  });
  await using client = await logIn(gateway, await tokenFor(3));
  client.subscribe('s', 'subscription { marketData(broker: "mock", symbols: ["BTCUSDT"]) { sequence } }');
  const beganAtMs = performance.now();
  expect((await client.waitForClose()).code).toBe(4403);
  const lastedMs = performance.now() - beganAtMs;
  // The token names whole seconds.
  expect(lastedMs).toBeGreaterThan(1_500);
  expect(lastedMs).toBeLessThan(5_000);
  expect(client.of('s').length).toBeGreaterThan(50);
  await using next = await logIn(gateway, await tokenFor(3_600));
  expect(next.messages[0]?.type).toBe('connection_ack');
});

import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { AUDIENCE, claims, ISSUER, SECRET, sign } from '../unit/core/login/issuer.ts';

const auth = { mode: 'required', jwt: { secret: SECRET, issuer: ISSUER, audience: AUDIENCE } };
/** More than an address may fail. */
const TRIES = 12;

/** A token that has ended, or will end, so many seconds from now. */
const tokenFor = (seconds: number): Promise<string> => sign(claims({ exp: Math.floor(Date.now() / 1_000) + seconds }));
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Tries to log in, and says how that ended. */
type LogIn = (gateway: MarketDataServer, token: string) => Promise<unknown>;

const overHttp =
  (accept: string, query: string): LogIn =>
  async ({ urls }, token) => {
    const headers = { 'content-type': 'application/json', accept, ...bearer(token) };
    const response = await fetch(urls.graphql, { method: 'POST', headers, body: JSON.stringify({ query }) });
    await response.body?.cancel();
    return response.status;
  };

const overSocket: LogIn = async ({ urls }, token) => {
  await using client = await TransportWsClient.open(urls.graphql.replace('http', 'ws'));
  client.send({ type: 'connection_init', payload: bearer(token) });
  return await waitFor(
    () => client.closed?.code ?? client.messages.find(({ type }) => type === 'connection_ack')?.type,
    'the login to be accepted or refused',
  );
};

const overRawHandshake: LogIn = async ({ urls }, token) =>
  (await upgrade(urls.http, '/ws', { Authorization: `Bearer ${token}` })).status;

const overRaw: LogIn = async ({ urls }, token) => {
  await using client = await RawClient.connect(urls.http);
  const { code, status } = await client.ask({ action: 'auth', credentials: { token } });
  return code ?? status;
};

const TICKS = 'subscription { marketData(broker: "mock", symbols: ["BTCUSDT"]) { symbol } }';

describe('an expired token is no attempt to guess one, so its client may log in with a new one after any number of tries', () => {
  it.each<[string, LogIn, unknown, unknown]>([
    ['over HTTP', overHttp('application/json', '{ __typename }'), 401, 200],
    ['over server-sent events', overHttp('text/event-stream', TICKS), 401, 200],
    ['over multipart', overHttp('multipart/mixed;subscriptionSpec=1.0', TICKS), 401, 200],
    ['over a GraphQL socket', overSocket, 4403, 'connection_ack'],
    ['in the handshake of a raw socket', overRawHandshake, 401, 101],
    ['by auth on a raw socket', overRaw, 'UNAUTHENTICATED', 'authenticated'],
  ])('%s', async (_name, logIn, refused, accepted) => {
    await using gateway = await startGateway({ config: { auth, brokers: { mock: { kind: 'mock-binance' } } } });
    const expired = await tokenFor(-3_600);
    for (let time = 0; time < TRIES; time += 1) expect(await logIn(gateway, expired)).toBe(refused);
    expect(await logIn(gateway, await tokenFor(3_600))).toBe(accepted);
  });
});

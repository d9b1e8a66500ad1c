import { describe, expect, it } from 'vitest';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { ask, logIn } from '../support/graphqlLogins.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { SseClient } from '../support/SseClient.ts';

/** Clients from another machine, over plain text, of a gateway that asks nobody to log in. */
const FROM_AFAR = { secure: false };
const TYPENAME = '{ __typename }';
const STRAY: [string, Record<string, string>][] = [
  ['a bearer token', { authorization: 'Bearer of-a-proxy' }],
  ['an API key', { 'x-api-key': 'of-a-proxy' }],
  ['both', { authorization: 'Bearer of-a-proxy', 'x-api-key': 'of-a-proxy' }],
];

describe('if no login is checked, one that a client or a proxy sends anyway is ignored', () => {
  it.each(STRAY)('over HTTP: %s', async (_name, headers) => {
    await using gateway = await GraphqlGateway.start(FROM_AFAR);
    expect(await gateway.post(TYPENAME, { headers })).toMatchObject({
      status: 200,
      body: { data: { __typename: 'Query' } },
    });
  });

  it('over server-sent events', async () => {
    await using gateway = await GraphqlGateway.start(FROM_AFAR);
    const ticks = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
    await using client = await SseClient.subscribe(gateway.url, ticks, { authorization: 'Bearer of-a-proxy' });
    expect(client.response.statusCode).toBe(200);
  });

  it.each([...STRAY, ['nothing', {}] as const])(
    'over a GraphQL socket: %s in the handshake',
    async (_name, headers) => {
      await using gateway = await GraphqlGateway.start(FROM_AFAR);
      for (const params of [undefined, { token: 'x' }, { token: 'x', apiKey: 'y' }, { token: 7 }, { headers: 'x' }]) {
        await using client = await logIn(gateway, params, headers);
        expect(await ask(client, TYPENAME)).toEqual({ data: { __typename: 'Query' } });
      }
    },
  );

  it('when it is renewed', async () => {
    await using gateway = await GraphqlGateway.start(FROM_AFAR);
    await using client = await logIn(gateway);
    const renewed = await ask(client, 'mutation { renewLogin(token: "x") { expiresAt } }');
    expect(renewed).toEqual({ data: { renewLogin: { expiresAt: null } } });
  });

  it.each(STRAY)('over a raw socket: %s', async (_name, headers) => {
    await using gateway = await RawGateway.start(FROM_AFAR);
    await using client = await RawClient.connect(gateway.url, { headers });
    expect(await client.ask({ action: 'auth', credentials: { token: 'x' } })).toMatchObject({
      status: 'authenticated',
    });
    expect(await client.subscribe('binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
  });

  it('but a session is not, because it opens what other machines must not read', async () => {
    await using gateway = await GraphqlGateway.start(FROM_AFAR);
    expect((await gateway.post(TYPENAME, { headers: { 'x-session': 'x' } })).status).toBe(403);
  });
});

import { createClient } from 'graphql-ws';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ONE = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const TWO = { id: '101-004-1000002-001', token: `${'2'.repeat(32)}-${'b'.repeat(32)}` };

async function venueAndGateway(
  stack: AsyncDisposableStack,
): Promise<{ venue: StandInOanda; gateway: MarketDataServer }> {
  const venue = stack.use(
    await StandInOanda.start({
      accounts: [ONE, { ...TWO, shift: 500 }],
      windowMs: 0,
      limits: { connectionsPerSecond: 100 },
    }),
  );
  const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl };
  const gateway = stack.use(await startGateway({ config: { brokers: { oanda } } }));
  return { venue, gateway };
}

function authenticate(client: RawClient, { id, token }: typeof ONE): Promise<unknown> {
  return client.ask({ action: 'authenticate', broker: 'oanda', credentials: { token, accountId: id } });
}

const bids = (client: RawClient): unknown[] => client.data('tick', 'EUR_USD').map(({ bid }) => bid);

it('two clients with different accounts each get their own prices, and a third without credentials nothing', async () => {
  await using stack = new AsyncDisposableStack();
  const { venue, gateway } = await venueAndGateway(stack);
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map(async () => stack.use(await RawClient.connect(gateway.urls.raw))),
  );
  if (one === undefined || two === undefined || three === undefined) throw new Error('three clients');
  expect(await authenticate(one, ONE)).toMatchObject({ status: 'authenticated', broker: 'oanda' });
  expect(await authenticate(two, TWO)).toMatchObject({ status: 'authenticated', broker: 'oanda' });
  expect(await three.subscribe('oanda', ['EUR_USD'], ['tick'])).toMatchObject({
    code: 'BROKER_AUTHENTICATION_REQUIRED',
  });
  for (const client of [one, two]) {
    expect(await client.subscribe('oanda', ['EUR_USD'], ['tick', 'orderbook'])).toMatchObject({ status: 'subscribed' });
  }
  await venue.waitForStream(ONE.id, ['EUR_USD']);
  await venue.waitForStream(TWO.id, ['EUR_USD']);
  venue.market('EUR_USD').tick();
  await waitFor(() => bids(one).length > 0 && bids(two).length > 0, 'a tick for each');
  const own = (account: string): string | undefined => venue.lastPrice(account, 'EUR_USD')?.bids?.[0]?.price;
  await waitFor(() => bids(one).at(-1) === own(ONE.id) && bids(two).at(-1) === own(TWO.id), 'each to have its own');
  expect(own(ONE.id)).not.toBe(own(TWO.id));
  expect(bids(one).filter((bid) => bids(two).includes(bid))).toEqual([]);
  expect(three.data('tick')).toEqual([]);
  expect(three.data('orderbook')).toEqual([]);
});

it('a GraphQL session that was opened over HTTP serves a socket, and only its own queries', async () => {
  await using stack = new AsyncDisposableStack();
  const { venue, gateway } = await venueAndGateway(stack);
  const ask = async (query: string, variables: object, session?: string): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json', ...(session === undefined ? {} : { 'x-session': session }) };
    const response = await fetch(gateway.urls.graphql, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const mutation =
    'mutation ($credentials: BrokerCredentials!) { authenticateBroker(broker: "oanda", credentials: $credentials) { session broker { authenticated state } } }';
  const answer = await ask(mutation, { credentials: { token: ONE.token, accountId: ONE.id } });
  const session = /"session":"([^"]+)"/.exec(JSON.stringify(answer))?.[1] ?? '';
  expect(session).not.toBe('');

  const tick = '{ tick(broker: "oanda", symbol: "EUR_USD") { bid } broker(id: "oanda") { authenticated } }';
  await waitFor(() => venue.lists('EUR_USD'));
  expect(await ask(tick, {}, session)).toMatchObject({
    data: { tick: { bid: expect.any(String) }, broker: { authenticated: true } },
  });
  expect(await ask(tick, {})).toMatchObject({ errors: [{ extensions: { code: 'BROKER_AUTHENTICATION_REQUIRED' } }] });

  const client = createClient({
    url: gateway.urls.graphql.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { session },
  });
  stack.defer(async () => {
    await client.dispose();
  });
  const received: unknown[] = [];
  client.subscribe(
    { query: 'subscription { marketData(broker: "oanda", symbols: ["EUR_USD"]) { ... on Tick { bid } } }' },
    { next: ({ data }) => received.push(data), error: (error) => received.push(error), complete: () => undefined },
  );
  await venue.waitForStream(ONE.id, ['EUR_USD']);
  venue.market('EUR_USD').tick();
  await waitFor(() => {
    const bid = venue.lastPrice(ONE.id, 'EUR_USD')?.bids?.[0]?.price;
    return JSON.stringify(received.at(-1)) === JSON.stringify({ marketData: { bid } });
  }, 'the account’s own price');
});

it('new credentials swap the account under a running subscription, without an error or a stream of the old account', async () => {
  await using stack = new AsyncDisposableStack();
  const { venue, gateway } = await venueAndGateway(stack);
  const client = stack.use(await RawClient.connect(gateway.urls.raw));
  await authenticate(client, ONE);
  await client.subscribe('oanda', ['EUR_USD'], ['tick']);
  await venue.waitForStream(ONE.id, ['EUR_USD']);
  venue.market('EUR_USD').tick();
  await waitFor(() => bids(client).length > 0);
  await authenticate(client, TWO);
  await venue.waitForStream(TWO.id, ['EUR_USD']);
  await waitFor(() => venue.streamsOf(ONE.id).length === 0, 'the first account’s stream to be closed');
  venue.market('EUR_USD').tick();
  await waitFor(
    () => bids(client).at(-1) === venue.lastPrice(TWO.id, 'EUR_USD')?.bids?.[0]?.price,
    'the other account',
  );
  expect(client.messages.filter(({ code }) => code !== undefined)).toEqual([]);
});

it('wrong credentials, an unreachable venue and a nonsensical answer are three different errors', async () => {
  await using stack = new AsyncDisposableStack();
  const { venue, gateway } = await venueAndGateway(stack);
  const client = stack.use(await RawClient.connect(gateway.urls.raw));
  const wrong = await authenticate(client, { ...ONE, token: `${'9'.repeat(32)}-${'9'.repeat(32)}` });
  venue.faults.rest.nextReply(200, { body: '<html>hello</html>', html: true });
  const nonsense = await authenticate(client, ONE);
  venue.faults.refuseConnections = true;
  const unreachable = await authenticate(client, ONE);
  expect(wrong).toMatchObject({ type: 'error', code: 'BROKER_AUTHENTICATION_FAILED' });
  expect(nonsense).toMatchObject({ type: 'error', code: 'BROKER_UNAVAILABLE' });
  expect(unreachable).toMatchObject({ type: 'error', code: 'BROKER_UNAVAILABLE' });
  const messages = [wrong, nonsense, unreachable].map((error) =>
    JSON.stringify((error as { message: unknown }).message),
  );
  expect(new Set(messages).size).toBe(3);
});

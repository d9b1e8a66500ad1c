import { request } from 'node:http';
import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { FairTurns } from '../../src/shared/FairTurns.ts';
import { CANDLES, countCandles } from '../support/costlyQueries.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { logIn, startGuarded } from '../support/graphqlLogins.ts';
import { SseClient } from '../support/SseClient.ts';
import type { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TYPENAME = '{ __typename }';
const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';

describe('limits', () => {
  const refusal = (payload: unknown): unknown => (payload as GraphqlResponseError[])[0]?.extensions;

  it('of a key replace the general ones', async () => {
    await using gateway = await startGuarded({ limits: { symbolsPerSubscription: 2 } });
    await using small = await logIn(gateway, { apiKey: 'key-of-small' });
    small.subscribe('1', TICKS);
    small.subscribe('2', TICKS);
    small.subscribe('3', TICKS);
    expect(refusal((await small.typed('error', '3')).payload)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    small.send({ type: 'complete', id: '1' });
    small.subscribe('4', 'subscription { marketData(symbols: ["BTCUSDT", "ETHUSDT"]) { symbol } }');
    expect(refusal((await small.typed('error', '4')).payload)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await using large = await logIn(gateway, { apiKey: 'key-of-large' });
    large.subscribe('1', 'subscription { marketData(symbols: ["BTCUSDT", "ETHUSDT", "SOLUSDT"]) { symbol } }');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    expect(large.messages).toHaveLength(1);
  });

  it('of a key apply to its messages', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock });
    await using small = await logIn(gateway, { apiKey: 'key-of-small' });
    await using other = await logIn(gateway, { apiKey: 'key-of-plain' });
    const ask = async (from: TransportWsClient, id: number): Promise<void> => {
      from.subscribe(String(id), TYPENAME);
      await from.typed('complete', String(id));
    };
    // It may send five a second, twice that at once, and as many more as it may have subscriptions. It has sent one so
    // far.
    for (const client of [small, other]) for (let id = 1; id <= 12; id += 1) await ask(client, id);
    const late = ask(small, 13);
    await ask(other, 13);
    expect(small.of('13')).toEqual([]);
    await clock.advance(200);
    await late;
  });

  it('of messages let a page that reconnects subscribe to everything at once, and send a ping in between', async () => {
    await using gateway = await startGuarded();
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    for (let id = 1; id <= 128; id += 1) {
      client.subscribe(String(id), TICKS);
      if (id === 64) client.send({ type: 'ping' });
    }
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 128);
    await client.message(({ type }) => type === 'pong');
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('of messages close a client with 1013 that sends faster for ten seconds', async () => {
    const clock = new FakeClock();
    const limits = { messagesPerSecond: 2, subscriptionsPerConnection: 4 };
    await using gateway = await startGuarded({ clock, limits });
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    for (let count = 0; count < 500; count += 1) client.send({ type: 'ping' });
    expect((await clock.advanceUntil(500, () => client.closed, 'the client to be closed')).code).toBe(1013);
  });

  const page = (levels: string): string => `{ instruments(broker: "binance") { ${levels} } }`;
  const aliased = (count: number): string =>
    `{ ${Array.from({ length: count }, (_, n) => `a${n}: __typename`).join(' ')} }`;

  it.each([
    ['levels', page('pageInfo { hasNextPage }'), page('edges { node { symbol } }')],
    ['aliases', aliased(2), aliased(31)],
    ['tokens', `{ ${'__typename '.repeat(40)} }`, aliased(700)],
  ])('of a document are those of the client, whoever sent it before: %s', async (what, beyondNarrow, beyondPlain) => {
    await using gateway = await startGuarded({ limits: { queryDepth: 3 } });
    const refused = Array<string>(3).fill(`LIMIT_EXCEEDED: ${what}`);
    const accepted = Array<string>(3).fill('accepted');
    for (const key of ['narrow', 'plain', 'narrow', 'plain']) {
      expect(await verdicts(gateway, beyondNarrow, key)).toEqual(key === 'plain' ? accepted : refused);
    }
    for (const key of ['wide', 'plain', 'wide', 'plain']) {
      expect(await verdicts(gateway, beyondPlain, key)).toEqual(key === 'wide' ? accepted : refused);
    }
  });

  it.each([
    ['GraphiQL and graphql-js', {}],
    [
      'a client that wants every detail',
      { schemaDescription: true, specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true },
    ],
  ])('of a document allow the introspection queries of %s', async (_name, options) => {
    await using gateway = await startGuarded();
    const accepted = Array<string>(3).fill('accepted');
    expect(await verdicts(gateway, getIntrospectionQuery(options), 'plain')).toEqual(accepted);
  });
});

it('a query over HTTP whose client has left before its turn is not executed, because no share of the memory is its own', async () => {
  const turn = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  let waiting = 0;
  await using gateway = await GraphqlGateway.start({
    wrap: (services) => ({
      ...services,
      clientOf: (asked) => {
        asked.socket.once('close', left.resolve);
        return services.clientOf(asked);
      },
      turns: {
        turn: async () => {
          waiting += 1;
          await turn.promise;
        },
      } as unknown as FairTurns,
    }),
  });
  const count = countCandles(gateway);
  const query = `{ ${CANDLES(10, 'open')} }`;
  const leaving = request(`${gateway.url}?query=${encodeURIComponent(query)}`).on('error', () => undefined);
  leaving.end();
  await waitFor(() => waiting === 1);
  leaving.destroy();
  await left.promise;
  turn.resolve();
  expect((await gateway.post(query)).body).toEqual({
    data: { candles: Array.from({ length: 10 }, () => ({ open: expect.any(String) })) },
  });
  expect(count.asked).toBe(1);
});

describe('the memory for a client that does not read is limited by its key', () => {
  const limits = { queueBytesPerConnection: 256 * 1_048_576 };
  const TRADES = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
  /** Trades go on until one client was cut off, and then some more; `taken` waits until who reads has read them. */
  async function flood(
    gateway: GraphqlGateway,
    protocol: string,
    taken: (count: number) => Promise<unknown>,
  ): Promise<number> {
    const closed = (): Promise<number> => gateway.metric('slow_consumers_closed_total', { protocol });
    let count = 0;
    for (let more = 10; more > 0 && count < 50_000; more -= (await closed()) === 0 ? 0 : 1) {
      for (let trade = 0; trade < 100; trade += 1) gateway.trade((count += 1));
      await taken(count);
    }
    expect(await closed()).toBe(1);
    return count;
  }

  it('over WebSocket, and a client with a higher limit loses nothing', async () => {
    await using gateway = await startGuarded({ limits });
    await using narrow = await logIn(gateway, { apiKey: 'key-of-narrow' });
    await using patient = await logIn(gateway, { apiKey: 'key-of-plain' });
    await using healthy = await logIn(gateway, { apiKey: 'key-of-plain' });
    // Every frame has the id, so a long one fills the kernel's buffers soon.
    const id = 's'.repeat(4_000);
    for (const client of [narrow, patient]) client.subscribe(id, TRADES);
    healthy.subscribe('h', TRADES);
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 3);
    for (const { socket } of [narrow, patient]) socket.pause();
    const sent = await flood(gateway, 'graphql-ws', (count) => waitFor(() => healthy.of('h').length === count));
    for (const { socket } of [narrow, patient]) socket.resume();
    expect((await narrow.closing()).code).toBe(1013);
    await waitFor(() => patient.of(id).length === sent);
    expect([patient.closed, healthy.closed]).toEqual([null, null]);
  });

  it('over server-sent events, and a client with a higher limit loses nothing', async () => {
    await using gateway = await startGuarded({ limits });
    const wide = TRADES.replace('{ tradeId }', `{ tradeId ${LONG_NAMES} }`);
    await using narrow = await SseClient.subscribe(
      gateway.url,
      TRADES.replace('{ tradeId }', `{ tradeId ${'x'.repeat(120)}: receivedAt }`),
      {
        'x-api-key': 'key-of-narrow',
      },
    );
    await using patient = await SseClient.subscribe(gateway.url, wide, { 'x-api-key': 'key-of-plain' });
    await using healthy = await SseClient.subscribe(gateway.url, TRADES, { 'x-api-key': 'key-of-plain' });
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 3);
    for (const { response } of [narrow, patient]) response.pause();
    const sent = await flood(gateway, 'graphql-sse', (count) => healthy.count(count));
    for (const { response } of [narrow, patient]) response.resume();
    await waitFor(() => narrow.events.at(-1)?.event === 'complete');
    expect(narrow.events.at(-2)?.data).toContain('"SLOW_CONSUMER"');
    await patient.count(sent);
    expect([patient.ended, healthy.ended]).toEqual([false, false]);
  });
});

/** Names so long that few events fill the buffers between the gateway and a client that does not read. */
const LONG_NAMES = Array.from({ length: 30 }, (_, n) => `${'x'.repeat(120)}${n}: receivedAt`).join(' ');

/** The outcome of the document for the owner of a key, over HTTP, server-sent events and WebSocket. */
async function verdicts(gateway: GraphqlGateway, query: string, key: string): Promise<string[]> {
  const headers = { 'x-api-key': `key-of-${key}` };
  const { body } = await gateway.post(query, { headers });
  await using stream = await SseClient.subscribe(gateway.url, query, headers);
  const [streamed] = await stream.count(2);
  await using client = await logIn(gateway, undefined, headers);
  client.subscribe('1', query);
  const answer = await client.message(({ id }) => id === '1');
  return [JSON.stringify(body), streamed?.data ?? '', JSON.stringify(answer.payload)].map((text) => {
    const code = /"code":"(\w+)"/.exec(text)?.[1];
    return code === undefined ? 'accepted' : `${code}: ${/tokens|levels|aliases/.exec(text)?.[0]}`;
  });
}

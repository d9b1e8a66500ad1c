import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { upgrade } from '../support/httpExchange.ts';
import { Neighbours } from '../support/Neighbours.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

type Trespass = (gateway: MarketDataServer) => Promise<void>;

const SOCKET = 'GraphQL over WebSocket';
const REQUEST = 'GraphQL over HTTP';
const STREAM = 'server-sent events';
const RAW = 'raw JSON';

const TYPENAME = '{ __typename }';
const CLEARLY_MORE = 400;
/**
 * With 2 messages a second and 20 subscriptions, 24 messages are accepted at once; connection_init is the first of
 * them.
 */
const LAST_AT_ONCE = 22;

const ticksOf = (...symbols: string[]): string =>
  `subscription { marketData(symbols: ${JSON.stringify(symbols)}) { symbol } }`;
const socketUrl = ({ urls }: MarketDataServer): string => urls.graphql.replace('http', 'ws');
const socket = (gateway: MarketDataServer): Promise<TransportWsClient> => TransportWsClient.connect(socketUrl(gateway));
const raw = ({ urls }: MarketDataServer): Promise<RawClient> => RawClient.connect(urls.http);

function post({ urls }: MarketDataServer, body: object, headers = {}): Promise<Response> {
  return fetch(urls.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Opens one connection more than allowed: the neighbours have all the others. */
const onceMore = (status: number): Readonly<Record<string, Trespass>> => ({
  [SOCKET]: async ({ urls }) => {
    const answer = await upgrade(urls.http, '/graphql', { 'Sec-WebSocket-Protocol': 'graphql-transport-ws' });
    expect([answer.status, answer.body]).toEqual([status, expect.stringContaining('"LIMIT_EXCEEDED"')]);
  },
  [STREAM]: async (gateway) => {
    const answer = await post(gateway, { query: ticksOf('BTCUSDT') }, { accept: 'text/event-stream' });
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining('"LIMIT_EXCEEDED"')]);
  },
  [RAW]: async ({ urls }) => {
    const answer = await upgrade(urls.http, '/ws');
    expect([answer.status, answer.body]).toEqual([status, expect.stringContaining('"LIMIT_EXCEEDED"')]);
  },
});

const bySocket =
  (query: string): Trespass =>
  async (gateway) => {
    await using client = await socket(gateway);
    client.subscribe('1', query);
    const { payload } = await client.typed('error', '1');
    expect(payload).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', retryable: false } }]);
    await client.roundTrip();
  };

const byRequest =
  (query: string): Trespass =>
  async (gateway) => {
    const answer = await post(gateway, { query }, { accept: 'application/graphql-response+json' });
    const body = { errors: [{ extensions: { code: 'LIMIT_EXCEEDED', retryable: false } }] };
    expect([answer.status, await answer.json()]).toMatchObject([400, body]);
  };

const byStream =
  (query: string): Trespass =>
  async ({ urls }) => {
    await using client = await SseClient.subscribe(urls.graphql, query);
    const [next, complete] = await client.count(2);
    expect(next?.data).toContain('"LIMIT_EXCEEDED"');
    expect(complete?.event).toBe('complete');
  };

const document = (query: string): Readonly<Record<string, Trespass>> => ({
  [SOCKET]: bySocket(query),
  [REQUEST]: byRequest(query),
  [STREAM]: byStream(query),
});

const NESTED = '{ instruments(broker: "binance") { edges { node { symbol } } } }';
const ALIASED = `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(' ')} }`;
const LONG = `{ ${'__typename '.repeat(2_000)} }`;

const WRONG = 'a wrong key';
const API_KEYS = [{ id: 'right', sha256: createHash('sha256').update('the right key').digest('hex') }];

const TRESPASSES: readonly {
  readonly limit: string;
  readonly config: Record<string, unknown>;
  readonly by: Readonly<Record<string, Trespass>>;
}[] = [
  {
    limit: 'connections',
    config: { limits: { connections: 3 } },
    by: onceMore(503),
  },
  {
    limit: 'connectionsPerAddress',
    config: { limits: { connectionsPerAddress: 3 } },
    by: onceMore(429),
  },
  {
    limit: 'subscriptionsPerConnection',
    config: { limits: { subscriptionsPerConnection: 1 } },
    by: {
      [SOCKET]: async (gateway) => {
        await using client = await socket(gateway);
        client.subscribe('1', ticksOf('BTCUSDT'));
        client.subscribe('2', ticksOf('ETHUSDT'));
        expect((await client.typed('error', '2')).payload).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
        await client.typed('next', '1');
      },
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        await client.subscribe(null, ['BTCUSDT']);
        expect(await client.subscribe(null, ['ETHUSDT'])).toMatchObject({ type: 'error', code: 'LIMIT_EXCEEDED' });
        await client.waitFor(({ type }) => type === 'data');
      },
    },
  },
  {
    limit: 'symbolsPerSubscription',
    config: { limits: { symbolsPerSubscription: 1 } },
    by: {
      [SOCKET]: bySocket(ticksOf('BTCUSDT', 'ETHUSDT')),
      [STREAM]: byStream(ticksOf('BTCUSDT', 'ETHUSDT')),
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        const answer = await client.subscribe(null, ['BTCUSDT', 'ETHUSDT']);
        expect(answer).toMatchObject({ type: 'error', code: 'LIMIT_EXCEEDED' });
      },
    },
  },
  {
    limit: 'messagesPerSecond',
    config: { limits: { messagesPerSecond: 2, subscriptionsPerConnection: 20 } },
    by: {
      [SOCKET]: async (gateway) => {
        await using client = await socket(gateway);
        for (let id = 0; id < CLEARLY_MORE; id += 1) {
          client.send(id === LAST_AT_ONCE ? { type: 'ping' } : { type: 'complete', id: String(id) });
        }
        client.subscribe('late', TYPENAME);
        await client.message(({ type }) => type === 'pong');
        // Everything that the gateway has read by now is answered before another client is.
        await using other = await socket(gateway);
        await other.roundTrip();
        expect(client.of('late')).toEqual([]);
        expect(client.closed).toBeNull();
      },
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        for (let id = 0; id < CLEARLY_MORE; id += 1) client.send({ action: 'ping', id });
        await client.waitFor(({ id }) => id === 23);
        expect(client.messages.some(({ id }) => id === CLEARLY_MORE - 1)).toBe(false);
        expect(client.closed).toBeNull();
      },
    },
  },
  {
    limit: 'invalidMessagesPerMinute',
    config: { limits: { invalidMessagesPerMinute: 2 } },
    by: {
      // The protocol allows no invalid message at all.
      [SOCKET]: async (gateway) => {
        await using client = await socket(gateway);
        client.socket.send('nonsense');
        expect((await client.closing()).code).toBe(4400);
      },
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        for (let count = 0; count < 3; count += 1) client.send('nonsense');
        expect((await client.waitForClose()).code).toBe(1008);
        expect(client.messages.at(-1)).toMatchObject({ type: 'error', code: 'BAD_REQUEST' });
      },
    },
  },
  { limit: 'queryDepth', config: { limits: { queryDepth: 3 } }, by: document(NESTED) },
  { limit: 'queryAliases', config: {}, by: document(ALIASED) },
  { limit: 'queryTokens', config: {}, by: document(LONG) },
  {
    limit: 'maxPayloadBytes',
    config: { server: { maxPayloadBytes: 1_000 } },
    by: {
      [SOCKET]: async (gateway) => {
        await using client = await socket(gateway);
        client.subscribe('1', `${TYPENAME} # ${'x'.repeat(1_000)}`);
        expect((await client.closing()).code).toBe(1009);
      },
      [REQUEST]: async (gateway) => {
        const answer = await post(gateway, { query: `${TYPENAME} # ${'x'.repeat(1_000)}` });
        expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('1000 bytes')]);
      },
      [STREAM]: async (gateway) => {
        const query = `${ticksOf('BTCUSDT')} # ${'x'.repeat(1_000)}`;
        expect((await post(gateway, { query }, { accept: 'text/event-stream' })).status).toBe(413);
      },
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        client.send(JSON.stringify({ action: 'ping' }).padEnd(1_001));
        expect((await client.waitForClose()).code).toBe(1009);
      },
    },
  },
  {
    limit: 'ten bad logins a minute',
    config: { auth: { apiKeys: API_KEYS } },
    by: {
      [SOCKET]: async (gateway) => {
        const codes: number[] = [];
        for (let attempt = 0; attempt < 11; attempt += 1) {
          await using client = await TransportWsClient.open(socketUrl(gateway));
          client.send({ type: 'connection_init', payload: { apiKey: WRONG } });
          codes.push((await client.closing()).code);
        }
        expect(codes).toEqual([...Array<number>(10).fill(4403), 1013]);
      },
      [REQUEST]: async (gateway) => {
        const statuses: number[] = [];
        for (let attempt = 0; attempt < 11; attempt += 1) {
          statuses.push((await post(gateway, { query: TYPENAME }, { 'x-api-key': WRONG })).status);
        }
        expect(statuses).toEqual([...Array<number>(10).fill(401), 429]);
      },
      [RAW]: async (gateway) => {
        const statuses: number[] = [];
        for (let attempt = 0; attempt < 11; attempt += 1) {
          statuses.push((await upgrade(gateway.urls.http, '/ws', { 'X-Api-Key': WRONG })).status);
        }
        expect(statuses).toEqual([...Array<number>(10).fill(401), 429]);
        await using client = await raw(gateway);
        const answer = await client.ask({ action: 'auth', credentials: { apiKey: WRONG } });
        expect(answer).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
      },
    },
  },
  {
    limit: 'one operation a message',
    config: {},
    by: {
      [SOCKET]: async (gateway) => {
        await using client = await socket(gateway);
        client.send([{ id: '1', type: 'subscribe', payload: { query: TYPENAME } }]);
        expect((await client.closing()).code).toBe(4400);
      },
      [REQUEST]: async (gateway) => {
        const answer = await post(gateway, [{ query: TYPENAME }, { query: TYPENAME }]);
        expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('"BAD_REQUEST"')]);
      },
      [RAW]: async (gateway) => {
        await using client = await raw(gateway);
        client.send([{ action: 'ping' }, { action: 'ping' }]);
        await client.waitFor(({ code }) => code === 'BAD_REQUEST');
        expect(client.messages.filter(({ status }) => status === 'pong')).toEqual([]);
      },
    },
  },
];

const CASES = TRESPASSES.flatMap(({ limit, config, by }) =>
  Object.entries(by).map(([protocol, trespass]) => ({ limit, protocol, config, trespass })),
);

describe('a client that exceeds a limit gets an error, and clients of every protocol still receive data:', () => {
  it.each(CASES)('$limit, $protocol', async ({ config, trespass }) => {
    const brokers = { mock: { kind: 'mock-binance', ticksPerSecond: 100 } };
    await using gateway = await startGateway({ config: { ...config, brokers } });
    await using neighbours = await Neighbours.of(gateway);
    await trespass(gateway);
    await neighbours.receive();
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { Fleet } from '../support/Fleet.ts';
import { sendRaw } from '../support/httpExchange.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

interface Answer {
  readonly data?: { readonly provokeFault: Readonly<Record<string, unknown>> } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[];
}

const MOCK = { brokers: { 'mock-binance': { kind: 'mock-binance' } } };

/** Sends the mutation as a program of the same machine would, but for these headers. */
async function provoke(
  { urls }: Pick<MarketDataServer, 'urls'>,
  fault: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const query = `mutation { provokeFault(${fault}) { id state reason } }`;
  const body = JSON.stringify({ query });
  const all = {
    Host: new URL(urls.http).host,
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
    ...headers,
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await sendRaw(urls.http, `POST /graphql HTTP/1.1\r\n${head.join('')}\r\n${body}`);
  return JSON.parse(answer.body) as Answer;
}

const codeOf = ({ errors }: Answer): unknown => errors?.[0]?.extensions['code'];

/** The statuses of a subscriber in their order, each once. */
function statusesOf(client: RawClient): readonly unknown[] {
  const statuses = client.messages
    .filter((message) => message.type === 'status' && 'symbol' in message)
    .map(({ status }) => status);
  return statuses.filter((status, at) => status !== statuses[at - 1]);
}

const TOLD = [
  ['SILENCE', 'forMs: 4000', ['stale', 'live']],
  ['DISCONNECT', '', ['recovering', 'live']],
  ['GAP', '', ['recovering', 'gap', 'live']],
  ['DUPLICATE', '', []],
  ['OUT_OF_ORDER', '', []],
  ['CROSSED_BOOK', '', ['recovering', 'live']],
  ['HALT', 'symbols: ["BTCUSDT"]', ['closed', 'live']],
] as const;

describe('a fault that is provoked', () => {
  it('is told to subscribers as the same fault of the configuration is', async () => {
    const clock = new SkippableClock();
    await using gateway = await startGateway({ config: { ...MOCK, feeds: { staleAfterMs: 2_000 } }, clock });
    await using client = await clock.hurry(RawClient.connect(gateway.urls.raw));
    await clock.hurry(client.subscribe('mock-binance', ['BTCUSDT'], ['tick', 'orderbook', 'trade']));
    await clock.hurryUntil(() => client.data('tick').length > 20, 'a live feed');
    for (const [kind, more, expected] of TOLD) {
      const before = statusesOf(client).length;
      const answer = await clock.hurry(provoke(gateway, `broker: "mock-binance", kind: ${kind}, ${more}`));
      expect(answer.errors, kind).toBeUndefined();
      const endMs = clock.monotonic() + 7_000;
      await clock.hurryUntil(() => clock.monotonic() > endMs, 'the end of the fault');
      expect(statusesOf(client).slice(before), kind).toEqual(expected);
      const ticks = client.data('tick').length;
      await clock.hurryUntil(() => client.data('tick').length > ticks, 'ticks after it');
    }
    const ids = client.data('trade').map(({ tradeId }) => Number(tradeId));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
  });

  it('shows in the answer at once, and concerns the symbols that it names', async () => {
    await using gateway = await startGateway({ config: MOCK });
    const all = await provoke(gateway, 'broker: "mock-binance", kind: DISCONNECT, forMs: 60000');
    expect(all.data?.provokeFault).toMatchObject({ id: 'mock-binance', state: 'DISCONNECTED' });
    await using other = await startGateway({ config: MOCK });
    const one = await provoke(other, 'broker: "mock-binance", kind: DISCONNECT, forMs: 60000, symbols: ["BTCUSDT"]');
    expect(one.data?.provokeFault).toMatchObject({ state: 'DEGRADED', reason: expect.any(String) });
  });

  it.each([
    ['kind: HALT, forMs: 0', 'BAD_REQUEST'],
    ['kind: HALT, forMs: 60001', 'BAD_REQUEST'],
    ['kind: HALT, symbols: []', 'BAD_REQUEST'],
    ['kind: FIRE', 'BAD_REQUEST'],
    ['kind: HALT, symbols: ["BTCUSDT", "NOPE"]', 'UNKNOWN_SYMBOL'],
  ])('is refused if it makes no sense: %s', async (fault, code) => {
    await using gateway = await startGateway({ config: MOCK });
    expect(codeOf(await provoke(gateway, `broker: "mock-binance", ${fault}`))).toBe(code);
  });

  it('is refused for a real venue, an unknown broker, one out of service, and one that needs your own account', async () => {
    const brokers = {
      real: { kind: 'binance', websocketUrl: 'ws://127.0.0.1:1', restUrl: 'http://127.0.0.1:1' },
      off: { kind: 'mock-binance', enabled: false },
      'mock-oanda': { kind: 'mock-oanda' },
    };
    await using gateway = await startGateway({ config: { brokers } });
    const codes = await Promise.all(
      ['real', 'nobody', 'off', 'mock-oanda'].map(async (id) =>
        codeOf(await provoke(gateway, `broker: "${id}", kind: HALT`)),
      ),
    );
    expect(codes).toEqual(['BAD_REQUEST', 'UNKNOWN_BROKER', 'BROKER_DISABLED', 'BROKER_AUTHENTICATION_REQUIRED']);
  });
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const KEYS = [
  { id: 'boss', sha256: sha256('key-of-boss'), roles: ['admin'] },
  { id: 'guest', sha256: sha256('key-of-guest') },
];
const BOSS = { 'X-API-Key': 'key-of-boss' };
const HALT = 'broker: "mock-binance", kind: HALT';

describe('who may provoke faults', () => {
  it.each<[string, Readonly<Record<string, string>>, unknown]>([
    ['a program on the same machine', {}, undefined],
    ['a page of the same machine', { Origin: 'http://localhost:5173' }, undefined],
    ['a guest on it', { 'X-API-Key': 'key-of-guest' }, undefined],
    ['the client of a proxy', { 'X-Forwarded-For': '203.0.113.9' }, 'FORBIDDEN'],
    ['whoever claims to be here', { 'X-Forwarded-For': '127.0.0.1' }, 'FORBIDDEN'],
    ['a page whose name leads here', { Host: 'evil.example:4000' }, 'FORBIDDEN'],
    ['a page of another site', { Origin: 'https://evil.example' }, 'FORBIDDEN'],
    ['an administrator behind a proxy that ends TLS', { ...BOSS, 'X-Forwarded-For': '203.0.113.9' }, 'FORBIDDEN'],
  ])('where nobody has to log in: %s', async (_name, headers, code) => {
    await using gateway = await startGateway({ config: { ...MOCK, auth: { apiKeys: KEYS } } });
    expect(codeOf(await provoke(gateway, HALT, headers))).toBe(code);
  });

  it('is an administrator from anywhere over TLS, and where logins are required nobody else', async () => {
    const config = {
      ...MOCK,
      auth: { mode: 'required', apiKeys: KEYS },
      server: { trustedProxies: ['127.0.0.1'] },
    };
    await using gateway = await startGateway({ config });
    const afar = { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
    expect(codeOf(await provoke(gateway, HALT, { ...BOSS, ...afar }))).toBeUndefined();
    expect(codeOf(await provoke(gateway, HALT, BOSS))).toBeUndefined();
    expect(codeOf(await provoke(gateway, HALT, { 'X-API-Key': 'key-of-guest' }))).toBe('FORBIDDEN');
    expect(codeOf(await provoke(gateway, HALT))).toBe('UNAUTHENTICATED');
  });
});

describe.skipIf(LACKS_REDIS)('in a fleet', () => {
  it('the gateway that makes the data takes a fault, and its followers say that it is another one', async () => {
    await using fleet = await Fleet.start({
      env: { TICKGRAPH_BROKERS__MOCK_BINANCE: '{ kind: mock-binance, ticksPerSecond: 20 }' },
    });
    const clients = await Promise.all(fleet.gateways.map(({ url }) => RawClient.connect(url)));
    for (const client of clients) await client.subscribe('mock-binance', ['BTCUSDT'], ['tick']);
    await waitFor(() => clients.every((client) => client.data('tick').length > 5), 'ticks everywhere');
    const answers = await Promise.all(
      fleet.gateways.map(({ url }) => {
        const urls = { http: url, graphql: `${url}/graphql`, raw: `${url}/ws` };
        return provoke({ urls }, 'broker: "mock-binance", kind: DISCONNECT, forMs: 500');
      }),
    );
    expect(answers.map(codeOf)).toContain('BROKER_UNAVAILABLE');
    expect(answers.map(codeOf)).toContain(undefined);
    expect(JSON.stringify(answers)).toContain('Another gateway of the fleet');
    await waitFor(() => clients.every((client) => statusesOf(client).includes('recovering')), 'the fault everywhere');
    await Promise.all(clients.map((client) => client.close()));
  });
});

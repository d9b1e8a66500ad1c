import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { request, upgrade } from '../support/httpExchange.ts';
import type { Exchange } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const OF_EACH = 100;
const SHUTDOWN_MS = 5_000;

/** A process of its own, so that its loop is not held up by its clients. */
const start = (shutdownTimeoutMs: number): GatewayProcess =>
  new GatewayProcess({
    env: {
      ...OFFLINE,
      TICKGRAPH_SERVER__SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs),
      TICKGRAPH_LIMITS__CONNECTIONS_PER_ADDRESS: '1000',
    },
  });

function many<Client>(count: number, connect: () => Promise<Client>): Promise<readonly Client[]> {
  return Promise.all(Array.from({ length: count }, connect));
}

describe('the shutdown of a gateway with many clients', () => {
  let gateway: GatewayProcess;
  let raw: readonly RawClient[];
  let graphql: readonly TransportWsClient[];
  let streams: readonly SseClient[];
  /** When each client was closed, in milliseconds since the beginning of the shutdown. */
  const closedAtMs: Record<'raw' | 'graphql' | 'streams', number[]> = { raw: [], graphql: [], streams: [] };
  let tookMs = 0;
  let code: number | string = '';
  /** What happened while the clients were still there. */
  let meanwhile: {
    readonly ready: Exchange;
    readonly health: Exchange;
    readonly upgrade: Exchange;
    readonly query: Exchange;
    readonly subscription: Record<string, unknown>;
    readonly open: number;
  };

  beforeAll(async () => {
    gateway = start(SHUTDOWN_MS);
    const url = await gateway.listening();
    raw = await many(OF_EACH, () => RawClient.connect(url));
    graphql = await many(OF_EACH, () => TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`));
    streams = await many(OF_EACH, () => SseClient.subscribe(`${url}/graphql`, TICKS));
    for (const client of raw) await client.subscribe('mock-binance', ['BTCUSDT']);
    for (const client of graphql) client.subscribe('1', TICKS);

    const began = performance.now();
    const note = (where: number[]) => () => where.push(performance.now() - began);
    for (const { socket } of raw) socket.once('close', note(closedAtMs.raw));
    for (const { socket } of graphql) socket.once('close', note(closedAtMs.graphql));
    for (const { response } of streams) response.once('close', note(closedAtMs.streams));
    gateway.kill('SIGTERM');
    await waitFor(() => gateway.logged('stopping'));
    for (const client of raw)
      client.send({ action: 'subscribe', broker: 'mock-binance', symbols: ['ETHUSDT'], id: 'late' });
    const open = (): number => 3 * OF_EACH - Object.values(closedAtMs).flat().length;
    const [ready, health, refused, query] = await Promise.all([
      request(url, '/ready'),
      request(url, '/health'),
      upgrade(url, '/ws'),
      request(url, '/graphql?query={brokers{id}}'),
    ]);
    const openThen = open();
    const answer = await waitFor(
      () => raw.flatMap(({ messages }) => messages.find(({ id }) => id === 'late') ?? [])[0],
    );
    meanwhile = {
      ready,
      health,
      upgrade: refused,
      query,
      subscription: answer,
      open: openThen,
    };
    code = await gateway.exited();
    tookMs = performance.now() - began;
    await waitFor(() => open() === 0, 'every client to be closed');
  }, 20_000);

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    for (const client of [...raw, ...graphql, ...streams]) await client[Symbol.asyncDispose]();
  });

  it('says that it is not ready while most of them are still connected', () => {
    expect([meanwhile.ready.status, meanwhile.health.status]).toEqual([503, 200]);
    expect(meanwhile.open).toBeGreaterThan(OF_EACH);
  });

  it('takes on nothing new meanwhile: no connection, no query, no subscription', () => {
    expect(meanwhile.upgrade).toMatchObject({ status: 503, body: expect.stringContaining('RATE_LIMITED') as string });
    expect(Number(meanwhile.upgrade.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(meanwhile.query.status).toBe(503);
    expect(meanwhile.subscription).toMatchObject({ type: 'error', code: 'RATE_LIMITED', retryable: true });
    expect(meanwhile.subscription['retryAfterMs']).toBeGreaterThan(0);
  });

  it('tells each client why it ends', () => {
    for (const { closed } of [...raw, ...graphql]) expect(closed?.code).toBe(1001);
    for (const { events } of streams) {
      const [reason, end] = events.slice(-2);
      expect([reason?.data, end?.event]).toEqual([expect.stringContaining('shutting down'), 'complete']);
    }
  });

  it('closes them one after the other, no protocol before another, and in time', () => {
    const halves = Object.values(closedAtMs).map((times) => times.toSorted((a, b) => a - b)[OF_EACH / 2] ?? 0);
    const all = Object.values(closedAtMs).flat();
    const overMs = Math.max(...all) - Math.min(...all);
    // Four milliseconds for each client beyond a hundred.
    expect(overMs).toBeGreaterThan(600);
    expect(Math.max(...halves) - Math.min(...halves)).toBeLessThan(overMs / 2);
    const inTenths = Array.from({ length: 10 }, (_, n) =>
      all.filter((ms) => ms >= (overMs * n) / 10 + Math.min(...all)),
    );
    expect(Math.max(...inTenths.map((later, n) => later.length - (inTenths[n + 1]?.length ?? 0)))).toBeLessThan(
      OF_EACH,
    );
    expect([code, tookMs < SHUTDOWN_MS]).toEqual([0, true]);
  });
});

it('a shutdown ends in time although no client reads', async () => {
  await using gateway = start(1_000);
  const url = await gateway.listening();
  const clients = await many(150, () => RawClient.connect(url));
  for (const client of clients) {
    await client.subscribe('mock-binance', ['BTCUSDT'], ['orderbook']);
    client.socket.pause();
  }
  const began = performance.now();
  gateway.kill('SIGTERM');
  expect(await gateway.exited()).toBe(0);
  expect(performance.now() - began).toBeLessThan(1_500);
  expect(gateway.logged('closed')).toBeDefined();
  for (const { socket } of clients) socket.terminate();
});

import { collectDefaultMetrics } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { BrokerInfo } from '../../src/core/brokerInfo.ts';
import { TrustedProxies } from '../../src/http/clientAddress.ts';
import { createHealth, indexPage, createMetricsEndpoint } from '../../src/http/endpoints.ts';
import type { HttpServer } from '../../src/http/HttpServer.ts';
import type { MetricsEndpointOptions } from '../../src/http/endpoints.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { request } from '../support/httpExchange.ts';
import { serve } from '../support/serveHttp.ts';

describe('/health and /ready', () => {
  const broker: BrokerInfo = {
    id: 'binance',
    kind: 'binance',
    state: 'connected',
    enabled: true,
    requiresAuthentication: false,
    authenticated: false,
    supportedTypes: ['tick'],
    synthetic: false,
    lastMessageAt: fromEpochMs(0),
    reason: null,
  };
  const away: BrokerInfo = { ...broker, id: 'oanda', state: 'disconnected', lastMessageAt: null, reason: 'Away.' };

  async function serveHealth({
    draining = false,
    heldUp = false,
    state = 'ok',
    clock = new FakeClock(),
  }: {
    readonly draining?: boolean;
    readonly heldUp?: boolean;
    readonly state?: 'ok' | 'lost';
    readonly clock?: FakeClock;
  } = {}): Promise<HttpServer> {
    const { health, ready } = createHealth({
      manager: { brokers: () => [broker, away] },
      bus: () => ({ engine: 'redis', state, reason: null }),
      draining: () => draining,
      heldUp: () => heldUp,
      clock,
      version: '1.2.3',
    });
    return serve({ '/health': health, '/ready': ready });
  }

  it('health reports that the process serves, for how long, and its version', async () => {
    const clock = new FakeClock();
    await using server = await serveHealth({ clock });
    await clock.advance(61_500);
    const { status, body } = await request(server.url, '/health');
    expect([status, JSON.parse(body)]).toEqual([200, { status: 'ok', uptimeSeconds: 61, version: '1.2.3' }]);
  });

  it('are still ready with one venue down, and list the state of every broker', async () => {
    await using server = await serveHealth();
    const { status, body } = await request(server.url, '/ready');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({
      status: 'ready',
      brokers: {
        binance: { state: 'CONNECTED', lastMessageAt: '1970-01-01T00:00:00.000Z', reason: null },
        oanda: { state: 'DISCONNECTED', lastMessageAt: null, reason: 'Away.' },
      },
      bus: { engine: 'redis', state: 'ok', reason: null },
    });
  });

  it.each([{ draining: true }, { heldUp: true }, { state: 'lost' as const }])(
    'are not ready with %j',
    async (fault) => {
      await using server = await serveHealth(fault);
      const { status, body } = await request(server.url, '/ready');
      expect([status, JSON.parse(body)]).toMatchObject([503, { status: 'not-ready' }]);
    },
  );

  it('can be requested by GET and HEAD only', async () => {
    await using server = await serveHealth();
    const head = await fetch(`${server.url}/health`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(10);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const { status, headers } = await fetch(`${server.url}/health`, { method });
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
    }
  });
});

describe('/metrics', () => {
  async function serveMetrics(options: Partial<MetricsEndpointOptions> = {}): Promise<HttpServer> {
    const metrics = new Metrics();
    collectDefaultMetrics({ register: metrics.registry });
    metrics.connections.inc({ protocol: 'raw' });
    const proxies = new TrustedProxies([]);
    const endpoint = createMetricsEndpoint({ metrics, access: 'loopback', token: null, proxies, ...options });
    return serve({ '/metrics': endpoint });
  }
  const statusOf = async (server: HttpServer, headers: Readonly<Record<string, string>> = {}) =>
    (await request(server.url, '/metrics', headers)).status;

  it('is Prometheus text with the default metrics and our own, for callers on loopback', async () => {
    await using server = await serveMetrics();
    const { status, headers, body } = await request(server.url, '/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(body).toContain('tickgraph_connections{protocol="raw"} 1');
    expect(body).toContain('process_cpu_seconds_total');
  });

  it('is not for others whose requests come through a proxy on loopback', async () => {
    await using server = await serveMetrics();
    expect(await statusOf(server, { 'X-Forwarded-For': '192.0.2.1' })).toBe(403);
    await using trusting = await serveMetrics({ proxies: new TrustedProxies(['127.0.0.0/8']) });
    expect(await statusOf(trusting, { 'X-Forwarded-For': '192.0.2.1' })).toBe(403);
    expect(await statusOf(trusting)).toBe(200);
  });

  it('with a token is for callers that have it', async () => {
    await using server = await serveMetrics({ access: 'token', token: 'right-token' });
    expect(await statusOf(server)).toBe(403);
    for (const Authorization of ['Bearer wrong', 'Bearer', 'right-token', 'Bearer right-token2', 'Basic right-token']) {
      expect([Authorization, await statusOf(server, { Authorization })]).toEqual([Authorization, 403]);
    }
    expect(await statusOf(server, { Authorization: 'Bearer right-token' })).toBe(200);
  });

  it.each([null, ''])('with a token is for nobody if the token is %j', async (token) => {
    await using server = await serveMetrics({ access: 'token', token });
    expect(await statusOf(server, { Authorization: 'Bearer ' })).toBe(403);
  });

  it('is for everyone if it is public', async () => {
    await using server = await serveMetrics({ access: 'public' });
    expect(await statusOf(server, { 'X-Forwarded-For': '192.0.2.1' })).toBe(200);
  });
});

describe('/', () => {
  it('lists what is available, loads nothing and runs no scripts', async () => {
    await using server = await serve({ '/': indexPage });
    const { status, headers, body } = await request(server.url, '/');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const path of ['/graphql', '/ws', '/health', '/ready', '/metrics']) expect(body).toContain(path);
    expect(body).not.toMatch(/https?:|<script|<link|<img/);
  });
});

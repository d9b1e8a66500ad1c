import type { BrokerManager } from '../core/BrokerManager.ts';
import { NO_ACCESS } from '../core/subscription.ts';
import type { Clock } from '../shared/clock.ts';
import { readOnly, sendJson, sendRefusal } from './respond.ts';
import type { RequestHandler } from './respond.ts';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { assertNever } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import { isLoopback, speakerOf } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';

/** How the bus does, as `/ready` tells it; any state but `ok` makes the gateway not ready. */
export interface BusHealth {
  readonly engine: 'memory' | 'redis';
  readonly state: string;
}

export interface HealthOptions {
  readonly manager: Pick<BrokerManager, 'brokers'>;
  readonly bus: () => BusHealth;
  /** True from the moment the gateway has been told to stop. */
  readonly draining: () => boolean;
  readonly clock: Clock;
  readonly version: string;
}

/** `/health`: the process serves. `/ready`: it can do useful work, and how every broker does (contract, section 2). */
export function createHealth(options: HealthOptions): {
  readonly health: RequestHandler;
  readonly ready: RequestHandler;
} {
  const { bus, clock, draining, manager, version } = options;
  const startedMs = clock.monotonic();
  return {
    health: readOnly((_request, response) => {
      const uptimeSeconds = Math.floor((clock.monotonic() - startedMs) / 1_000);
      sendJson(response, 200, { status: 'ok', uptimeSeconds, version });
    }),
    ready: readOnly((_request, response) => {
      const busHealth = bus();
      const isReady = !draining() && busHealth.state === 'ok';
      const brokers = Object.fromEntries(
        manager
          .brokers(NO_ACCESS)
          .map(({ id, state, lastMessageAt, reason }) => [id, { state: state.toUpperCase(), lastMessageAt, reason }]),
      );
      sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not-ready', brokers, bus: busHealth });
    }),
  };
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>tickgraph</title>
<h1>tickgraph</h1>
<p>A gateway for live market data.</p>
<ul>
<li><a href="/graphql">/graphql</a>: GraphQL, and subscriptions over WebSocket (graphql-transport-ws) and server-sent events
<li>/ws: raw JSON over WebSocket
<li><a href="/health">/health</a>: whether the process serves
<li><a href="/ready">/ready</a>: whether it can do useful work, and how each broker does
<li><a href="/metrics">/metrics</a>: Prometheus metrics
</ul>
</html>
`;

/** `/`: what there is. It loads nothing and runs nothing, and says so to the browser. */
export const indexPage: RequestHandler = readOnly((_request, response) => {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(PAGE),
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
  response.end(PAGE);
});

export interface MetricsEndpointOptions {
  readonly metrics: Metrics;
  readonly access: 'loopback' | 'token' | 'public';
  /** Of access by token: null lets nobody in. */
  readonly token: string | null;
  readonly proxies: TrustedProxies;
}

/** `/metrics`: Prometheus text, to those who may read it; 403 to all others. */
export function createMetricsEndpoint(options: MetricsEndpointOptions): RequestHandler {
  const { registry } = options.metrics;
  return readOnly(async (request, response) => {
    if (!mayRead(request, options)) {
      const message =
        options.access === 'token'
          ? 'The metrics need their token: send it as Authorization: Bearer.'
          : 'The metrics are only for callers on the same machine.';
      sendRefusal(response, { status: 403, code: 'FORBIDDEN', message });
      return;
    }
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' });
    response.end(text);
  });
}

function mayRead(request: IncomingMessage, { access, token, proxies }: MetricsEndpointOptions): boolean {
  switch (access) {
    case 'public':
      return true;
    case 'loopback': {
      // A proxy on this machine speaks for others: it is no loopback caller itself.
      const speaker = speakerOf(request, proxies);
      return speaker !== null && isLoopback(speaker);
    }
    case 'token':
      return token !== null && token !== '' && isSame(bearerOf(request), token);
    default:
      return assertNever(access);
  }
}

function bearerOf({ headers }: IncomingMessage): string {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** Takes as long whatever differs: digests have one length. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

import type { BrokerManager } from '../core/BrokerManager.ts';
import { NO_ACCESS } from '../core/subscription.ts';
import type { Clock } from '../shared/clock.ts';
import { readOnly, sendJson, sendError } from './respond.ts';
import type { RequestHandler } from './respond.ts';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { assertNever } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import { isLoopback, resolveAddress } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';

/** `/health` and `/ready` report about these. */
export interface HealthOptions {
  readonly manager: Pick<BrokerManager, 'brokers'>;
  /** With any state but `ok` the gateway is not ready. */
  readonly bus: () => BrokerManager['busHealth'];
  /** True once shutdown has started. */
  readonly draining: () => boolean;
  /** True while the event loop is held up. */
  readonly heldUp: () => boolean;
  readonly clock: Clock;
  readonly version: string;
}

/** `/health` says that the process runs; `/ready` says whether it can do useful work, and gives the state of every broker. */
export function createHealth(options: HealthOptions): {
  readonly health: RequestHandler;
  readonly ready: RequestHandler;
} {
  const { bus, clock, draining, heldUp, manager, version } = options;
  const startedMs = clock.monotonic();
  return {
    health: readOnly((_request, response) => {
      const uptimeSeconds = Math.floor((clock.monotonic() - startedMs) / 1_000);
      sendJson(response, 200, { status: 'ok', uptimeSeconds, version });
    }),
    ready: readOnly((_request, response) => {
      const busHealth = bus();
      const isReady = !draining() && !heldUp() && busHealth.state === 'ok';
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
<li><a href="/health">/health</a>: whether the process runs
<li><a href="/ready">/ready</a>: whether the gateway can do useful work, and the state of each broker
<li><a href="/metrics">/metrics</a>: Prometheus metrics
</ul>
</html>
`;

/** `/` lists the paths. Its headers forbid the browser to load or run anything. */
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

/** `metrics` in the configuration decides who may read the metrics. Read at each use, because it may change. */
export interface MetricsEndpointOptions {
  readonly metrics: Metrics;
  readonly access: 'loopback' | 'token' | 'public';
  /** For access `token`. Null lets nobody in. */
  readonly token: string | null;
  readonly proxies: TrustedProxies;
}

/** `/metrics` serves Prometheus text to callers who may read it, and status 403 to all others. */
export function createMetricsEndpoint(options: MetricsEndpointOptions): RequestHandler {
  const { registry } = options.metrics;
  return readOnly(async (request, response) => {
    if (!mayRead(request, options)) {
      const message =
        options.access === 'token'
          ? 'The metrics need their token: send it as Authorization: Bearer.'
          : 'The metrics are only for callers on the same machine.';
      sendError(response, { status: 403, code: 'FORBIDDEN', message });
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
      // A proxy on this machine forwards for others, so the peer's address alone does not decide.
      const address = resolveAddress(request, proxies);
      return address !== null && isLoopback(address);
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

/** Compares in constant time; the digests have the same length. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

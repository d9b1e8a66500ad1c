import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { assertNever } from '../shared/assertNever.ts';
import type { Metrics } from '../shared/metrics.ts';
import { isLoopback, speakerOf } from './clientAddress.ts';
import type { TrustedProxies } from './clientAddress.ts';
import { readOnly, sendRefusal } from './respond.ts';
import type { RequestHandler } from './respond.ts';

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

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAllowedOrigin } from './origin.ts';

const METHODS = 'GET, POST';
/** For a preflight that names no header. */
const USUAL_HEADERS = 'content-type, authorization, x-api-key, x-session';
const PREFLIGHT_SECONDS = '600';

/**
 * Lets allowed pages of other origins read whatever is answered, refusals included, and answers OPTIONS requests (preflights).
 * Returns true if the request is answered. An allowed page may send any header: stock clients and tracing libraries add their
 * own, and none of them has a meaning here that a page could misuse.
 */
export function answerCrossOrigin(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  allowedOrigins: readonly string[],
): boolean {
  const { origin, host } = headers;
  const isAllowed = origin !== undefined && isAllowedOrigin({ origin, host, allowedOrigins });
  response.setHeader('vary', 'Origin');
  if (isAllowed) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'retry-after');
  }
  if (method !== 'OPTIONS') return false;
  if (isAllowed) {
    const requested = headers['access-control-request-headers'];
    response.setHeader('vary', 'Origin, Access-Control-Request-Headers');
    response.setHeader('access-control-allow-methods', METHODS);
    response.setHeader(
      'access-control-allow-headers',
      requested === undefined || requested === '' ? USUAL_HEADERS : requested,
    );
    response.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
  }
  response.writeHead(204, { allow: `${METHODS}, OPTIONS` }).end();
  return true;
}

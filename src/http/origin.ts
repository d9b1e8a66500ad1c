import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';
import { matchesOrigin, parseOrigin, parseOriginPattern } from '../shared/originPattern.ts';
import type { Origin } from '../shared/originPattern.ts';

/** This decides whether a web page may use the gateway. */
export interface OriginRequest {
  /** The Origin header. Browsers always send one with an upgrade, and with a request to another origin. */
  readonly origin: string | undefined;
  /** The Host header. */
  readonly host: string | undefined;
  /** `server.allowedOrigins`. */
  readonly allowedOrigins: readonly string[];
}

/**
 * True if a web page may open a WebSocket here; browsers leave this decision to the server. A client without an Origin header is
 * not a browser and may connect. So may pages from the server's own origin and from the configured origins (`*` allows all).
 * If no origins are configured, pages on loopback addresses may connect too.
 */
export function isAllowedOrigin({ origin, host, allowedOrigins }: OriginRequest): boolean {
  if (origin === undefined || allowedOrigins.includes('*')) return true;
  const page = parseOrigin(origin);
  if (page === null) return false;
  if (isOwn(page, host)) return true;
  if (allowedOrigins.length === 0) return isWeb(page) && isLoopbackName(page.host);
  return allowedOrigins.some((allowed) => {
    const pattern = parseOriginPattern(allowed);
    return pattern !== null && matchesOrigin(pattern, page);
  });
}

/**
 * The scheme is not compared, because a proxy in front may terminate TLS. Only the Host header says which name the browser used:
 * a foreign page whose name resolves to this server also counts as its own origin, and gets no more than any anonymous client.
 */
function isOwn(page: Origin, host: string | undefined): boolean {
  if (host === undefined || host === '' || !isWeb(page)) return false;
  const own = parseOrigin(`${page.scheme}://${host}`);
  return own !== null && own.host === page.host && own.port === page.port;
}

function isWeb({ scheme }: Origin): boolean {
  return scheme === 'http' || scheme === 'https';
}

/** True for localhost, the names below it, and loopback addresses. */
function isLoopbackName(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true;
  return isIPv4(hostname) && hostname.startsWith('127.');
}

/**
 * True if the names in a request's Host and Origin headers are ones of this machine. A browser on this machine also sends requests
 * for foreign pages, even to a name of theirs that resolves to this machine.
 */
export function isForLoopback({ origin, host }: Pick<OriginRequest, 'origin' | 'host'>): boolean {
  return [origin, host === undefined ? undefined : `http://${host}`].every((text) => {
    if (text === undefined) return true;
    const named = parseOrigin(text);
    return named !== null && isWeb(named) && isLoopbackName(named.host);
  });
}

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

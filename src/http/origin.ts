import { isIPv4 } from 'node:net';

/** What decides whether an upgrade request may proceed. */
export interface OriginRequest {
  /** The Origin header. Browsers always send one. */
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
  if (allowedOrigins.length === 0) return isLoopbackName(page.hostname);
  return allowedOrigins.some((allowed) => parseOrigin(allowed)?.origin === page.origin);
}

/** Returns null for the origin `null` (a sandboxed page, a file) and for anything that is more than an origin. */
function parseOrigin(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  // An origin is a scheme, a host and a port, and nothing else.
  const bare =
    url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  return bare ? url : null;
}

/**
 * The scheme is not compared, because a proxy in front may terminate TLS. Only the Host header says which name the browser used:
 * a foreign page whose name resolves to this server also counts as its own origin, and gets no more than any anonymous client.
 */
function isOwn(page: URL, host: string | undefined): boolean {
  if (host === undefined || host === '') return false;
  return URL.parse(`${page.protocol}//${host}`)?.host === page.host;
}

function isLoopbackName(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true;
  return isIPv4(hostname) && hostname.startsWith('127.');
}

import { isIPv4 } from 'node:net';

/** What is known of an upgrade request before it is let in. */
export interface OriginRequest {
  /** The Origin header; browsers always send one. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** `server.allowedOrigins`. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Whether a page may open a WebSocket here, which browsers leave to the server to decide. A client without an Origin header
 * is no browser. Pages of the server's own origin may; where no origins are configured pages on loopback may too, else
 * those listed. `*` is everyone.
 */
export function isAllowedOrigin({ origin, host, allowedOrigins }: OriginRequest): boolean {
  if (origin === undefined || allowedOrigins.includes('*')) return true;
  const page = parseOrigin(origin);
  if (page === null) return false;
  if (isOwn(page, host)) return true;
  if (allowedOrigins.length === 0) return isLoopbackName(page.hostname);
  return allowedOrigins.some((allowed) => parseOrigin(allowed)?.origin === page.origin);
}

/** Null for `null` (a sandboxed page, a file) and for what is no origin but more than one. */
function parseOrigin(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  // Scheme, host and port, and nothing else.
  const bare =
    url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  return bare ? url : null;
}

/**
 * The scheme does not count: a proxy in front may have ended TLS. What the browser took for our name is all there is to
 * go by: a page whose own name was pointed at this address is its own origin too, and gets what a stranger gets.
 */
function isOwn(page: URL, host: string | undefined): boolean {
  if (host === undefined || host === '') return false;
  return URL.parse(`${page.protocol}//${host}`)?.host === page.host;
}

function isLoopbackName(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true;
  return isIPv4(hostname) && hostname.startsWith('127.');
}

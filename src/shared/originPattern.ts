/** The origin of a web page, an app or an extension. */
export interface Origin {
  readonly scheme: string;
  readonly host: string;
  /** Empty for the port that the scheme implies. */
  readonly port: string;
}

/** An origin that pages may have, or those of every host below its host, which is written with `*.` before it. */
export interface OriginPattern extends Origin {
  readonly isForHostsBelow: boolean;
}

/** RFC 6454, 6.2: a scheme, a host and perhaps a port. The scheme is any that RFC 3986 allows: apps have their own. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?(\[[0-9a-f:.]+\]|[^\s/?#@:*[\]\\]*)(?::(\d{1,5}))?$/i;
/** Pages have the origin of their own address, and never the one of a WebSocket. */
const NEVER_OF_A_PAGE: ReadonlySet<string> = new Set(['ws', 'wss']);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Reads an origin (`https://app.example.org`, `capacitor://localhost`) or a pattern for all hosts below a domain
 * (`https://*.example.org`). Returns null for anything that no page's origin can be equal to, `null` included.
 */
export function parseOriginPattern(text: string): OriginPattern | null {
  const [, scheme = '', below, host = '', port = ''] = ORIGIN.exec(text) ?? [];
  const name = scheme.toLowerCase();
  if (name === '' || NEVER_OF_A_PAGE.has(name) || !isPort(port)) return null;
  const isForHostsBelow = below !== undefined;
  const canonical = canonicalHost(name, host, isForHostsBelow);
  if (canonical === null) return null;
  return { scheme: name, host: canonical, port: canonicalPort(name, port), isForHostsBelow };
}

/** Reads the value of an Origin header. Returns null for the origin `null` (a sandboxed page) and for anything that is no origin. */
export function parseOrigin(text: string): Origin | null {
  const origin = parseOriginPattern(text);
  return origin?.isForHostsBelow === true ? null : origin;
}

/** True if the pattern allows the origin. The domain of a pattern is not below itself. */
export function matchesOrigin(pattern: OriginPattern, origin: Origin): boolean {
  if (pattern.scheme !== origin.scheme || pattern.port !== origin.port) return false;
  if (!pattern.isForHostsBelow) return origin.host === pattern.host;
  const ending = `.${pattern.host}`;
  return origin.host.length > ending.length && origin.host.endsWith(ending);
}

/** The host as a browser would write it. Only files have none. */
function canonicalHost(scheme: string, host: string, isForHostsBelow: boolean): string | null {
  if (host === '') return scheme === 'file' && !isForHostsBelow ? '' : null;
  if (host.startsWith('.') || host.includes('..')) return null;
  // There is no host below an address, and the parser accepts none.
  const parsed = URL.parse(`http://${isForHostsBelow ? 'x.' : ''}${host}`);
  if (parsed === null) return Object.hasOwn(DEFAULT_PORTS, scheme) || isForHostsBelow ? null : host.toLowerCase();
  return isForHostsBelow ? parsed.hostname.slice(2) : parsed.hostname;
}

function isPort(port: string): boolean {
  return port === '' || (Number(port) > 0 && Number(port) <= 65_535);
}

/** The default port may be written or left out. */
function canonicalPort(scheme: string, port: string): string {
  const plain = port === '' ? '' : String(Number(port));
  return plain === DEFAULT_PORTS[scheme] ? '' : plain;
}

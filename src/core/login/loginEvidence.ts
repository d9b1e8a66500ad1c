import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../shared/errors.ts';

/** A client sends this to log in to the gateway. It is secret: never logged, kept, or put into an error. */
export type LoginEvidence =
  { readonly kind: 'token'; readonly token: string } | { readonly kind: 'apiKey'; readonly apiKey: string };

/**
 * The login of an HTTP request: `Authorization: Bearer …` or `X-Api-Key: …`. Null if there is none; other schemes of
 * Authorization are ignored, because a proxy in front may use them. Throws BAD_REQUEST for both at once. The token or key is not
 * checked here.
 */
export function evidenceFromHeaders(headers: IncomingHttpHeaders): LoginEvidence | null {
  const apiKey = headers['x-api-key'];
  return onlyOne([
    bearer(headers.authorization ?? ''),
    apiKeyEvidence(Array.isArray(apiKey) ? apiKey.join(', ') : (apiKey ?? '')),
  ]);
}

/**
 * The login in the connectionParams of graphql-transport-ws: `Authorization` ("Bearer …"), `token`, `authToken`, `apiKey` or
 * `x-api-key`, or one of the headers in `headers`, which some clients send there as they do over HTTP. Null if there is none. Throws
 * BAD_REQUEST for two different ones, and for one that is not text.
 */
export function evidenceFromParams(params: Readonly<Record<string, unknown>> | undefined): LoginEvidence | null {
  if (params === undefined) return null;
  const headers = headersOf(params);
  return onlyOne([
    bearer(textOf(params, 'authorization')),
    tokenEvidence(textOf(params, 'token')),
    tokenEvidence(textOf(params, 'authToken')),
    apiKeyEvidence(textOf(params, 'apiKey')),
    apiKeyEvidence(textOf(params, 'x-api-key')),
    bearer(textOf(headers, 'authorization')),
    apiKeyEvidence(textOf(headers, 'x-api-key')),
  ]);
}

/** The token of a session in connectionParams: `session`, or the header `x-session`. Null if there is none. Throws BAD_REQUEST. */
export function sessionFromParams(params: Readonly<Record<string, unknown>> | undefined): string | null {
  if (params === undefined) return null;
  return textOf(params, 'session') || textOf(headersOf(params), 'x-session') || null;
}

/** The same login twice is one: a client may send it as a parameter and as a header. */
function onlyOne(logins: readonly (LoginEvidence | null)[]): LoginEvidence | null {
  const [evidence = null, ...others] = logins.filter((item) => item !== null);
  if (others.some((other) => secretOf(other) !== secretOf(evidence))) {
    throw new GatewayError('BAD_REQUEST', 'Send only one login: a bearer token or an API key.');
  }
  return evidence;
}

function secretOf(evidence: LoginEvidence | null): string | null {
  return evidence === null ? null : JSON.stringify(evidence);
}

function headersOf(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const headers = memberOf(params, 'headers');
  return typeof headers === 'object' && !Array.isArray(headers) ? { ...headers } : {};
}

/** Web pages without a logged-in user often send an empty value or null. That counts as no login. */
function textOf(params: Readonly<Record<string, unknown>>, name: string): string {
  const value = memberOf(params, name);
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') throw new GatewayError('BAD_REQUEST', `connectionParams.${name} must be text.`);
  return value;
}

/** Names are compared like those of headers, whose case differs from client to client. */
function memberOf(params: Readonly<Record<string, unknown>>, name: string): unknown {
  const wanted = name.toLowerCase();
  const found = Object.entries(params).find(([key, value]) => key.toLowerCase() === wanted && value !== null);
  return found?.[1];
}

const BEARER = /^Bearer(?: +(.*))?$/is;

function bearer(header: string): LoginEvidence | null {
  const match = BEARER.exec(header);
  return match === null ? null : { kind: 'token', token: match[1] ?? '' };
}

/** Some clients write the scheme of Authorization before it. */
function tokenEvidence(token: string): LoginEvidence | null {
  return token === '' ? null : (bearer(token) ?? { kind: 'token', token });
}

function apiKeyEvidence(apiKey: string): LoginEvidence | null {
  return apiKey === '' ? null : { kind: 'apiKey', apiKey };
}

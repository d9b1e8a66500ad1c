import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../shared/errors.ts';

/** What a client sends to log in to the gateway. It is secret: never logged, kept, or put into an error. */
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
 * The login in the connectionParams of graphql-transport-ws: `Authorization` ("Bearer …") or `token`, or `apiKey` or `x-api-key`.
 * Null if there is none. Throws BAD_REQUEST for more than one, and for one that is not text.
 */
export function evidenceFromParams(params: Readonly<Record<string, unknown>> | undefined): LoginEvidence | null {
  if (params === undefined) return null;
  return onlyOne([
    bearer(textOf(params, 'Authorization')),
    bearer(textOf(params, 'authorization')),
    tokenEvidence(textOf(params, 'token')),
    apiKeyEvidence(textOf(params, 'apiKey')),
    apiKeyEvidence(textOf(params, 'x-api-key')),
    apiKeyEvidence(textOf(params, 'X-Api-Key')),
  ]);
}

function onlyOne(logins: readonly (LoginEvidence | null)[]): LoginEvidence | null {
  const [evidence = null, ...others] = logins.filter((item) => item !== null);
  if (others.length > 0) throw new GatewayError('BAD_REQUEST', 'Send only one login: a bearer token or an API key.');
  return evidence;
}

/** Web pages without a logged-in user often send an empty value or null. That counts as no login. */
function textOf(params: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(params, name) ? params[name] : null;
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') throw new GatewayError('BAD_REQUEST', `connectionParams.${name} must be text.`);
  return value;
}

function bearer(header: string): LoginEvidence | null {
  const match = /^Bearer(?: +(.*))?$/is.exec(header);
  return match === null ? null : { kind: 'token', token: match[1] ?? '' };
}

function tokenEvidence(token: string): LoginEvidence | null {
  return token === '' ? null : { kind: 'token', token };
}

function apiKeyEvidence(apiKey: string): LoginEvidence | null {
  return apiKey === '' ? null : { kind: 'apiKey', apiKey };
}

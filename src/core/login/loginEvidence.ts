import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../shared/errors.ts';

/** What a client brings to say who it is to the gateway. Secret: never logged, kept, or put into an error. */
export type LoginEvidence =
  { readonly kind: 'token'; readonly token: string } | { readonly kind: 'apiKey'; readonly apiKey: string };

/**
 * The login of an HTTP request: `Authorization: Bearer …` or `X-Api-Key: …`. Null where it brings none; another scheme of
 * Authorization is none of ours (a proxy in front may have its own). Both at once: BAD_REQUEST. Whether it is well formed
 * is for the verifier to see.
 */
export function evidenceFromHeaders(headers: IncomingHttpHeaders): LoginEvidence | null {
  const apiKey = headers['x-api-key'];
  return onlyOne([
    bearer(headers.authorization ?? ''),
    apiKeyEvidence(Array.isArray(apiKey) ? apiKey.join(', ') : (apiKey ?? '')),
  ]);
}

/**
 * The login in graphql-ws's connectionParams: `Authorization` ("Bearer …") or `token`, or `apiKey` or `x-api-key`. Null
 * where there is none. More than one, or one that is not text: BAD_REQUEST.
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

function onlyOne(brought: readonly (LoginEvidence | null)[]): LoginEvidence | null {
  const [evidence = null, ...others] = brought.filter((item) => item !== null);
  if (others.length > 0) throw new GatewayError('BAD_REQUEST', 'Bring one login: a bearer token or an API key.');
  return evidence;
}

/** A front end without a user often sends an empty value, or null: that is no login. */
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

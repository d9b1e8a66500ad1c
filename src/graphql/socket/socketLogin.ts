import type { IncomingHttpHeaders } from 'node:http';
import { CloseCode, MessageType } from 'graphql-ws';
import { evidenceFromHeaders, evidenceFromParams } from '../../core/login/loginEvidence.ts';
import type { LoginEvidence } from '../../core/login/loginEvidence.ts';
import { TRY_AGAIN_LATER } from '../../fanout/client/closeReason.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { assertNever } from '../../shared/assertNever.ts';
import { GatewayError } from '../../shared/errors.ts';

/**
 * What a socket's client brings: a login in connectionParams, else in the headers of the request that was upgraded; and a
 * session. Throws BAD_REQUEST.
 */
export function socketCredentials(
  payload: Readonly<Record<string, unknown>> | null | undefined,
  headers: IncomingHttpHeaders,
): { readonly evidence: LoginEvidence | null; readonly sessionToken: string | null } {
  const params = payload ?? {};
  return { evidence: evidenceFromParams(params) ?? evidenceFromHeaders(headers), sessionToken: sessionOf(params) };
}

/** A front end without a session often sends an empty value, or null. */
function sessionOf(params: Readonly<Record<string, unknown>>): string | null {
  const session = Object.hasOwn(params, 'session') ? params['session'] : null;
  if (session === null || session === undefined || session === '') return null;
  if (typeof session !== 'string') throw new GatewayError('BAD_REQUEST', 'connectionParams.session must be text.');
  return session;
}

/**
 * How a client is told that it is not let in. graphql-ws clients try again after 1013 and 4403 (where they may have another
 * login by then), and never after 4400, as is right for what can't get better.
 */
export function closeOfRefusal({ code, message }: GatewayError): { readonly code: number; readonly reason: string } {
  switch (code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return { code: CloseCode.Forbidden, reason: 'Forbidden' };
    case 'BAD_REQUEST':
      return { code: CloseCode.BadRequest, reason: message };
    // A key's connections too: another of them may have ended by then.
    case 'RATE_LIMITED':
    case 'LIMIT_EXCEEDED':
    case 'INTERNAL':
    case 'SLOW_CONSUMER':
    case 'BROKER_UNAVAILABLE':
    case 'BROKER_DISABLED':
    case 'BROKER_AUTHENTICATION_FAILED':
    case 'BROKER_AUTHENTICATION_REQUIRED':
    case 'UNKNOWN_BROKER':
    case 'UNKNOWN_SYMBOL':
    case 'AMBIGUOUS_SYMBOL':
    case 'UNSUPPORTED_TYPE':
      return { code: TRY_AGAIN_LATER, reason: message };
    default:
      return assertNever(code);
  }
}

/** A message that every client of the protocol understands, with what those that look need to know. */
export function loginEndsSoon(expiresAtMs: number): object {
  const message = 'The login ends soon: renew it with the mutation renewLogin, or connect anew.';
  return {
    type: MessageType.Ping,
    payload: { code: 'UNAUTHENTICATED', message, expiresAt: fromEpochMs(expiresAtMs) },
  };
}

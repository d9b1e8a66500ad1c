import type { IncomingHttpHeaders } from 'node:http';
import { CloseCode, MessageType } from 'graphql-ws';
import { evidenceFromHeaders, evidenceFromParams } from '../../core/login/loginEvidence.ts';
import type { LoginEvidence } from '../../core/login/loginEvidence.ts';
import { TRY_AGAIN_LATER } from '../../fanout/client/closeReason.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { assertNever, GatewayError } from '../../shared/errors.ts';

/**
 * The login and the session that a client brings: the login in connectionParams, or else in the headers of the request
 * that was upgraded. Throws BAD_REQUEST.
 */
export function socketCredentials(
  payload: Readonly<Record<string, unknown>> | null | undefined,
  headers: IncomingHttpHeaders,
): { readonly evidence: LoginEvidence | null; readonly sessionToken: string | null } {
  const params = payload ?? {};
  return { evidence: evidenceFromParams(params) ?? evidenceFromHeaders(headers), sessionToken: sessionOf(params) };
}

/** Front ends without a session often send an empty value, or null. */
function sessionOf(params: Readonly<Record<string, unknown>>): string | null {
  const session = Object.hasOwn(params, 'session') ? params['session'] : null;
  if (session === null || session === undefined || session === '') return null;
  if (typeof session !== 'string') throw new GatewayError('BAD_REQUEST', 'connectionParams.session must be text.');
  return session;
}

/**
 * The close code for a client that is not admitted. graphql-ws clients retry after 1013, and after 4403 (when they may
 * have another login), but never after 4400, which is right for an error that can't go away.
 */
export function closeOfRefusal({ code, message }: GatewayError): { readonly code: number; readonly reason: string } {
  switch (code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return { code: CloseCode.Forbidden, reason: 'Forbidden' };
    case 'BAD_REQUEST':
      return { code: CloseCode.BadRequest, reason: message };
    // This includes the connections of an API key: one of them may have ended by then.
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

/**
 * A ping, which every client of the protocol understands. Clients that read its payload learn when to renew the login.
 */
export function loginEndsSoon(expiresAtMs: number): object {
  const message = 'The login ends soon: renew it with the mutation renewLogin, or connect anew.';
  return {
    type: MessageType.Ping,
    payload: { code: 'UNAUTHENTICATED', message, expiresAt: fromEpochMs(expiresAtMs) },
  };
}

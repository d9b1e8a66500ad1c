import type { IncomingHttpHeaders } from 'node:http';
import { CloseCode, MessageType } from 'graphql-ws';
import type { ClientLogins } from '../../core/login/ClientLogins.ts';
import { evidenceFromHeaders, evidenceFromParams, sessionFromParams } from '../../core/login/loginEvidence.ts';
import type { LoginEvidence } from '../../core/login/loginEvidence.ts';
import { TRY_AGAIN_LATER } from '../../fanout/client/closeReason.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { assertNever } from '../../shared/errors.ts';
import type { GatewayError } from '../../shared/errors.ts';

/**
 * The login and the session that a client brings: the login in connectionParams, or else in the headers of the request
 * that was upgraded. If logins are not checked, whatever a client or a proxy sends as one is ignored. Throws BAD_REQUEST.
 */
export function socketCredentials(
  payload: Readonly<Record<string, unknown>> | null | undefined,
  headers: IncomingHttpHeaders,
  { areChecked }: Pick<ClientLogins, 'areChecked'>,
): { readonly evidence: LoginEvidence | null; readonly sessionToken: string | null } {
  const params = payload ?? {};
  const evidence = areChecked ? (evidenceFromParams(params) ?? evidenceFromHeaders(headers)) : null;
  return { evidence, sessionToken: sessionFromParams(params) };
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

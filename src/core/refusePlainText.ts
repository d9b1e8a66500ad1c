import { GatewayError } from '../shared/errors.ts';
import type { ClientAddress } from './ClientAddress.ts';

/**
 * Throws FORBIDDEN where somebody in between could have read the secret that the client brought. `isAllowed`:
 * `server.allowInsecureCredentials`.
 */
export function refusePlainText({ secure }: ClientAddress, isAllowed: boolean): void {
  if (secure || isAllowed) return;
  throw new GatewayError(
    'FORBIDDEN',
    'Logins, sessions and credentials are not taken over plain text from afar: use TLS (https, wss) in front of the gateway.',
  );
}

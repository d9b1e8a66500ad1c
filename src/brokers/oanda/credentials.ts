import { GatewayError } from '../../shared/errors.ts';

export interface OandaCredentials {
  readonly token: string;
  readonly accountId: string;
}

/** What can stand in a header: no white space, nothing invisible. The venue's own have 65 characters. */
const TOKEN = /^[!-~]{1,512}$/;
/** What can stand in a path and mean nothing else there. The venue's own are like 101-004-1435156-001. */
const ACCOUNT_ID = /^[\w-]{1,64}$/;

/** Throws BAD_REQUEST where these can't be credentials of this venue, whatever they are good for. */
export function checkFormat({ token, accountId }: OandaCredentials): void {
  if (!TOKEN.test(token)) {
    throw new GatewayError('BAD_REQUEST', 'token: expected 1 to 512 visible characters without white space.');
  }
  if (!ACCOUNT_ID.test(accountId)) {
    throw new GatewayError('BAD_REQUEST', 'accountId: expected 1 to 64 letters, digits and dashes.');
  }
}

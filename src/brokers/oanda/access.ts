import type { HttpTarget } from '../../transport/HttpLineFeed.ts';
import { streamPath } from './restRequests.ts';
import { GatewayError } from '../../shared/errors.ts';

/** The venue's two environments: demonstration accounts, and real money. */
export type OandaEnvironment = 'practice' | 'live';

/** The base URLs of the two hosts of an environment. */
export interface OandaHosts {
  readonly restUrl: string;
  readonly streamUrl: string;
}

/** https://developer.oanda.com/rest-live-v20/development-guide/ : a token is valid for one of the two. */
const HOSTS: Readonly<Record<OandaEnvironment, OandaHosts>> = {
  practice: { restUrl: 'https://api-fxpractice.oanda.com', streamUrl: 'https://stream-fxpractice.oanda.com' },
  live: { restUrl: 'https://api-fxtrade.oanda.com', streamUrl: 'https://stream-fxtrade.oanda.com' },
};

/** The hosts of an environment, unless the configuration replaces them. */
export function hostsOf(
  environment: OandaEnvironment,
  { restUrl, streamUrl }: { readonly restUrl: string | null; readonly streamUrl: string | null },
): OandaHosts {
  const own = HOSTS[environment];
  return { restUrl: restUrl ?? own.restUrl, streamUrl: (streamUrl ?? own.streamUrl).replace(/\/+$/, '') };
}

/**
 * The headers of every request: the only use of the token. They state the format of times, for the venue's default has
 * changed before.
 */
export function requestHeaders(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}`, 'accept-datetime-format': 'RFC3339' };
}

/** The request for a stream of prices; it holds the credentials. */
export function streamTarget(
  streamUrl: string,
  { token, accountId }: OandaCredentials,
  instruments: Iterable<string>,
): HttpTarget {
  return { url: `${streamUrl}${streamPath(accountId, instruments)}`, headers: requestHeaders(token) };
}

/** An access token, and one of the accounts that it gives access to. */
export interface OandaCredentials {
  readonly token: string;
  readonly accountId: string;
}

/** The characters that a header may have: no white space, nothing invisible. The venue's own have 65 characters. */
const TOKEN = /^[!-~]{1,512}$/;
/** The characters that have no other meaning in a path. The venue's own are like 101-004-1435156-001. */
const ACCOUNT_ID = /^[\w-]{1,64}$/;

/** Throws BAD_REQUEST if these can't be credentials of this venue. */
export function checkFormat({ token, accountId }: OandaCredentials): void {
  if (!TOKEN.test(token)) {
    throw new GatewayError('BAD_REQUEST', 'token: expected 1 to 512 visible characters without white space.');
  }
  if (!ACCOUNT_ID.test(accountId)) {
    throw new GatewayError('BAD_REQUEST', 'accountId: expected 1 to 64 letters, digits and dashes.');
  }
}

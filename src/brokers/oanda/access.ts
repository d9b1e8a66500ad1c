import type { HttpTarget } from '../../transport/HttpLineFeed.ts';
import { streamPath } from './restRequests.ts';
import { GatewayError } from '../../shared/errors.ts';

export type OandaEnvironment = 'practice' | 'live';

export interface OandaHosts {
  readonly restUrl: string;
  readonly streamUrl: string;
}

/** https://developer.oanda.com/rest-live-v20/development-guide/ : a token is good for one of the two. */
const HOSTS: Readonly<Record<OandaEnvironment, OandaHosts>> = {
  practice: { restUrl: 'https://api-fxpractice.oanda.com', streamUrl: 'https://stream-fxpractice.oanda.com' },
  live: { restUrl: 'https://api-fxtrade.oanda.com', streamUrl: 'https://stream-fxtrade.oanda.com' },
};

/** The environment's own, but for what stands in their place. */
export function hostsOf(
  environment: OandaEnvironment,
  { restUrl, streamUrl }: { readonly restUrl: string | null; readonly streamUrl: string | null },
): OandaHosts {
  const own = HOSTS[environment];
  return { restUrl: restUrl ?? own.restUrl, streamUrl: (streamUrl ?? own.streamUrl).replace(/\/+$/, '') };
}

/** The one place where the token goes. Times are asked for in words, for the venue's default has not always held. */
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

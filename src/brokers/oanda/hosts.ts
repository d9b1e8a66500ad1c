import type { HttpTarget } from '../../transport/HttpLineFeed.ts';
import type { OandaCredentials } from './credentials.ts';
import { streamPath } from './restRequests.ts';

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

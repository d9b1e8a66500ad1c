import type { Rate } from '../fanout/client/Inbox.ts';
import { assertNever, GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { isIPv6 } from 'node:net';

const BURST_SECONDS = 2;

/** The address of a client, and whether its connection is secure. */
export interface ClientAddress {
  /** The address that limits are counted for. */
  readonly address: string;
  /** True if nobody in between can read along: the client is on this machine, or TLS ends in front of the gateway. */
  readonly secure: boolean;
  /** True if the client itself, and not only a proxy, is on this machine. */
  readonly local: boolean;
}

/** A principal says who a client is to the gateway itself. `expiresAtMs` is in wall milliseconds. */
export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'apiKey'; readonly id: string; readonly roles: readonly string[] }
  | {
      readonly kind: 'jwt';
      readonly issuer: string | null;
      readonly subject: string;
      readonly roles: readonly string[];
      readonly expiresAtMs: number;
    };

/** `limits` of the configuration: the bounds for one client, one address and the whole gateway. */
export interface Limits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly subscriptionsPerConnection: number;
  readonly symbolsPerSubscription: number;
  readonly messagesPerSecond: number;
  readonly invalidMessagesPerMinute: number;
  readonly queueBytesPerConnection: number;
  readonly queryDepth: number;
  readonly queryAliases: number;
  readonly queryTokens: number;
  /** The most values in one answer, or in one event of a subscription. */
  readonly queryCost: number;
}

/** How fast a client may send messages. A page that reconnects may take up all its subscriptions at once. */
export function messageRate({ messagesPerSecond, subscriptionsPerConnection }: Limits): Rate {
  return { perSecond: messagesPerSecond, burst: BURST_SECONDS * messagesPerSecond + subscriptionsPerConnection };
}

/** The principal of a client that does not log in. */
export const ANONYMOUS: Principal = { kind: 'anonymous' };

/** The only role: it may enable and disable brokers, and make mock brokers misbehave. */
export const ADMIN = 'admin';

/** True if the principal's login grants the role. */
export function hasRole(principal: Principal, role: string): boolean {
  return principal.kind !== 'anonymous' && principal.roles.includes(role);
}

/** A name that is the same for a principal, whichever login it uses. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case 'anonymous':
      return 'anonymous';
    case 'apiKey':
      return JSON.stringify(['apiKey', principal.id]);
    case 'jwt':
      return JSON.stringify(['jwt', principal.issuer, principal.subject]);
    default:
      return assertNever(principal);
  }
}

/** True if both logins are of the same party. */
export function samePrincipal(a: Principal, b: Principal): boolean {
  return principalName(a) === principalName(b);
}

/** The party whose share of the gateway's work a new connection uses: its principal, or else its network. */
export function askerOf(principal: Principal, { address }: ClientAddress): Asker {
  return { owner: principal.kind === 'anonymous' ? networkOf(address) : principalName(principal) };
}

/**
 * Throws FORBIDDEN if somebody in between could have read the secret that the client sent. `isAllowed` is
 * `server.allowInsecureCredentials`.
 */
export function refusePlainText({ secure }: ClientAddress, isAllowed: boolean): void {
  if (secure || isAllowed) return;
  throw new GatewayError(
    'FORBIDDEN',
    'Logins, sessions and credentials are not accepted over plain text from another machine: use TLS (https, wss) in front of the gateway.',
  );
}

/**
 * Throws FORBIDDEN unless the client may make mock brokers misbehave: an administrator may, and where nobody has to log in
 * (`loginRequired` is false) whoever is on the same machine, too.
 */
export function refuseProvoking(principal: Principal, { local }: ClientAddress, loginRequired: boolean): void {
  if (hasRole(principal, ADMIN) || (local && !loginRequired)) return;
  throw new GatewayError(
    'FORBIDDEN',
    `This needs a login with the role ${ADMIN}${loginRequired ? '' : ', or a client on the same machine'}.`,
  );
}

const GROUPS = 8;

/**
 * The network that limits count an address for: an IPv4 address itself, and the /64 network of an IPv6 address, because one
 * household has 2⁶⁴ of those. A network that this function returned is returned unchanged.
 */
export function networkOf(address: string): string {
  const [bare = ''] = address.split('%', 1);
  if (!isIPv6(bare)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  return mapped ?? `${groupsOf(bare).slice(0, 4).join(':')}::/64`;
}

/** All eight groups in their canonical spelling. */
function groupsOf(address: string): readonly string[] {
  const [before = [], after = []] = address
    .toLowerCase()
    .replace(/[\d.]+\.\d+$/, '0:0') // two groups written as IPv4; they lie beyond the first four
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, GROUPS - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.replace(/^0+(?=.)/, ''));
}

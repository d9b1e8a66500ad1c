import { createHash } from 'node:crypto';
import type { ClientLogins } from '../../src/core/login/ClientLogins.ts';
import type { Services } from '../../src/core/Services.ts';
import { claims, NOW, SECRET, settings, sign } from '../unit/core/login/issuer.ts';
import { FakeClock } from './FakeClock.ts';
import { GraphqlGateway } from './GraphqlGateway.ts';
import type { GraphqlGatewayOptions, GraphqlResponse } from './GraphqlGateway.ts';
import { TransportWsClient } from './TransportWsClient.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const apiKey = (id: string, limits = {}, roles: string[] = []) => ({
  id,
  sha256: sha256(`key-of-${id}`),
  roles,
  limits,
});

/** Everybody must log in, with a token of the test issuer or one of some keys. */
export const AUTH = {
  mode: 'required',
  jwt: settings({ secret: SECRET }),
  apiKeys: [
    apiKey('plain'),
    apiKey('admin', {}, ['admin']),
    apiKey('small', { connections: 1, subscriptionsPerConnection: 2, symbolsPerSubscription: 1, messagesPerSecond: 5 }),
    apiKey('large', { symbolsPerSubscription: 500 }),
    apiKey('narrow', { queryDepth: 2, queryAliases: 1, queryTokens: 40, queueBytesPerConnection: 8_192 }),
    apiKey('wide', { queryDepth: 20, queryAliases: 1_000, queryTokens: 5_000 }),
  ],
} as const;

/** Starts a gateway whose time is that of the test issuer. */
export function startGuarded(options: GraphqlGatewayOptions = {}): Promise<GraphqlGateway> {
  return GraphqlGateway.start({ auth: AUTH, clock: new FakeClock(), ...options });
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Signs a token that expires this many seconds after the start of a FakeClock. */
export const tokenUntil = (seconds: number, more = {}): Promise<string> =>
  sign(claims({ exp: NOW + seconds, ...more }));

/** Opens a socket and sends connection_init with these parameters. */
export async function introduce(gateway: GraphqlGateway, payload?: object, headers = {}): Promise<TransportWsClient> {
  const client = await TransportWsClient.open(gateway.wsUrl, ['graphql-transport-ws'], { headers });
  client.send({ type: 'connection_init', ...(payload === undefined ? {} : { payload }) });
  return client;
}

/** Opens a socket, and resolves once its login is acknowledged. */
export async function logIn(gateway: GraphqlGateway, payload?: object, headers = {}): Promise<TransportWsClient> {
  const client = await introduce(gateway, payload, headers);
  await client.message(({ type }) => type === 'connection_ack');
  return client;
}

/** Runs one operation over a socket and returns its first result. */
export async function ask(
  client: TransportWsClient,
  query: string,
  variables?: Record<string, unknown>,
): Promise<GraphqlResponse> {
  const id = `ask-${Math.random()}`;
  client.subscribe(id, query, variables);
  return (await client.typed('next', id)).payload as GraphqlResponse;
}

export const codeOf = ({ errors }: GraphqlResponse): unknown => errors?.[0]?.extensions['code'];

/** Services whose verification of logins waits until a test lets it continue. */
export function gatedLogins(gates: (() => void)[]): (services: Services) => Services {
  return (services) => {
    const real = services.logins;
    const verify: ClientLogins['verify'] = async (...brought) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return real.verify(...brought);
    };
    const watch: ClientLogins['watch'] = (...watched) => real.watch(...watched);
    return { ...services, logins: { verify, watch, areChecked: real.areChecked } as ClientLogins };
  };
}

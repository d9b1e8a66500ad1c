import type { Environment } from '../../config/environment.ts';
import type { BrokerCredentials } from '../../market/credentials.ts';

/** A command logs in to a gateway with these. */
export interface GatewayAccess {
  /** The login of the gateway. */
  readonly token: string | null;
  /** The client's own credentials with the broker. */
  readonly credentials: Partial<BrokerCredentials> | null;
}

/** They are no settings of a gateway, and come from the environment because a command line can be seen by everybody. */
const TOKEN = 'TICKGRAPH_TOKEN';
const BROKER = {
  token: 'TICKGRAPH_BROKER_TOKEN',
  accountId: 'TICKGRAPH_BROKER_ACCOUNT_ID',
  apiKey: 'TICKGRAPH_BROKER_API_KEY',
  apiSecret: 'TICKGRAPH_BROKER_API_SECRET',
} as const;

/** The environment as a gateway may read it that is started beside such a command. */
export function withoutAccess(env: Environment): Environment {
  const own: readonly string[] = [TOKEN, ...Object.values(BROKER)];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.includes(name)));
}

/** Reads what a command logs in with. */
export function accessOf(env: Environment): GatewayAccess {
  const given = Object.entries(BROKER).flatMap(([name, variable]) => {
    const value = env[variable] ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const token = env[TOKEN] ?? '';
  return {
    token: token === '' ? null : token,
    credentials: given.length === 0 ? null : Object.fromEntries(given),
  };
}

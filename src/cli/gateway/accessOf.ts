import { CREDENTIAL_VARIABLES, LOGIN_VARIABLE } from '../../config/environment.ts';
import type { Environment } from '../../config/environment.ts';
import type { BrokerCredentials } from '../../market/credentials.ts';

/** A command logs in to a gateway with these. */
export interface GatewayAccess {
  /** The login of the gateway. */
  readonly token: string | null;
  /** The client's own credentials with the broker. */
  readonly credentials: Partial<BrokerCredentials> | null;
}

/** Reads what a command logs in with. */
export function accessOf(env: Environment): GatewayAccess {
  const given = Object.entries(CREDENTIAL_VARIABLES).flatMap(([name, variable]) => {
    const value = env[variable] ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const token = env[LOGIN_VARIABLE] ?? '';
  return {
    token: token === '' ? null : token,
    credentials: given.length === 0 ? null : Object.fromEntries(given),
  };
}

import { GatewayError } from '../../shared/errors.ts';
import type { MutationResolvers } from '../generated.ts';

export const mutation: MutationResolvers = {
  authenticateBroker: () => notOffered('authenticateBroker', "clients' own broker credentials"),
  deauthenticateBroker: () => notOffered('deauthenticateBroker', "clients' own broker credentials"),
  setBrokerEnabled: () => notOffered('setBrokerEnabled', 'administration over GraphQL'),
};

/** Never a pretended success. */
function notOffered(name: string, what: string): never {
  throw new GatewayError('BAD_REQUEST', `${name}: this version of the gateway does not offer ${what} yet.`);
}

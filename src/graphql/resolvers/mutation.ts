import type { BrokerInfo } from '../../core/brokerInfo.ts';
import { ADMIN, hasRole, principalName } from '../../core/client.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { GraphqlContext } from '../context.ts';
import type { MutationResolvers } from '../generated.ts';

/** Resolves the fields of `Mutation`. */
export const mutation: MutationResolvers = {
  async authenticateBroker(_root, { broker, credentials }, { services, client }) {
    const { apiKey = null, apiSecret = null, accountId = null, token = null } = credentials;
    const { session, expiresAt } = await services.authenticator.authenticate({
      broker,
      credentials: { apiKey, apiSecret, accountId, token },
      session: client.session,
      client: client.address,
    });
    return { broker: infoOf(broker, { services, client }), session, expiresAt };
  },

  deauthenticateBroker: (_root, { broker }, { services, client }) =>
    services.authenticator.deauthenticate(broker, client.session),

  async renewLogin(_root, { token }, { client }) {
    const expiresAtMs = await client.renewLogin(token);
    return { expiresAt: expiresAtMs === null ? null : fromEpochMs(expiresAtMs) };
  },

  setBrokerEnabled(_root, { broker, enabled }, { services, client }) {
    if (!hasRole(client.principal, ADMIN)) {
      throw new GatewayError('FORBIDDEN', `This needs a login with the role ${ADMIN}.`);
    }
    const configured = services.manager.configured(broker);
    services.logger.info({ broker: configured.id, enabled, by: principalName(client.principal) }, 'broker switched');
    configured.setEnabled(enabled);
    return infoOf(broker, { services, client });
  },
};

/** The state of a broker that is known to exist. */
function infoOf(id: string, { services, client }: Pick<GraphqlContext, 'services' | 'client'>): BrokerInfo {
  return services.manager.configured(id).info(client.session.scopeOf(id));
}

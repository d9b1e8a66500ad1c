import type { BrokerInfo } from '../../core/brokerInfo.ts';
import { ADMIN, hasRole, principalName, refuseProvoking } from '../../core/client.ts';
import { checkRange } from '../../core/Subscriptions.ts';
import { FAULT_LENGTHS_MS } from '../../market/mockFault.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { GraphqlContext } from '../context.ts';
import type { MutationResolvers } from '../generated.ts';

const MOST_FAULT_MS = 60_000;

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

  async provokeFault(_root, { broker, kind, forMs = null, symbols = null }, { services, client }) {
    refuseProvoking(client.principal, client.address, services.logins.required);
    const fault = { kind, forMs: forMs ?? FAULT_LENGTHS_MS[kind], symbols };
    checkRange('forMs', fault.forMs, { from: 1, to: MOST_FAULT_MS });
    if (symbols?.length === 0) {
      throw new GatewayError('BAD_REQUEST', 'symbols: expected at least one, or null for every symbol.');
    }
    const configured = services.manager.configured(broker);
    await configured.provoke(fault, client.session.scopeOf(broker));
    const { id } = configured;
    services.logger.info(
      { broker: id, kind, forMs: fault.forMs, by: principalName(client.principal) },
      'fault provoked',
    );
    return infoOf(broker, { services, client });
  },
};

/** The state of a broker that is known to exist. */
function infoOf(id: string, { services, client }: Pick<GraphqlContext, 'services' | 'client'>): BrokerInfo {
  return services.manager.configured(id).info(client.session.scopeOf(id));
}

import type { BrokerContext, BrokerSink } from './brokers/BaseBroker.ts';
import { BINANCE_TRAITS, BinanceBroker } from './brokers/binance/BinanceBroker.ts';
import type { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import { checkBinanceCredentials } from './brokers/binance/checkBinanceCredentials.ts';
import { checkMockCredentials, MockBroker, mockTraits } from './brokers/mock/MockBroker.ts';
import type { MockKind } from './brokers/mock/marketSpec.ts';
import { checkOandaCredentials } from './brokers/oanda/checkOandaCredentials.ts';
import { OandaBroker, oandaTraits } from './brokers/oanda/OandaBroker.ts';
import type { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { BrokerConfig, BrokerConfigOf } from './config/schema.ts';
import type { BrokerDefinition } from './core/Broker.ts';
import type { BrokerCredentials } from './market/credentials.ts';
import { assertNever, GatewayError } from './shared/errors.ts';

/** Every adapter is created with this and a sink. */
export interface BrokerSurroundings extends Omit<BrokerContext, 'sink'> {
  readonly binanceHosts: BinanceHosts;
  readonly oandaBudgets: OandaBudgets;
}

type DefinitionOf = Omit<BrokerDefinition, 'id' | 'enabled'>;

/** How the gateway creates the adapters of a configured broker when they are wanted. */
export function defineBroker(config: BrokerConfig, surroundings: BrokerSurroundings): BrokerDefinition {
  const { id } = surroundings;
  return { id, enabled: config.enabled, ...definitionOf(config, surroundings) };
}

function definitionOf(config: BrokerConfig, surroundings: BrokerSurroundings): DefinitionOf {
  switch (config.kind) {
    case 'binance':
      return defineBinance(config, surroundings);
    case 'oanda':
      return defineOanda(config, surroundings);
    case 'mock-binance':
      return defineMock({ ...config, requiresAuthentication: false }, surroundings);
    case 'mock-oanda':
      return defineMock(config, surroundings);
    default:
      return assertNever(config);
  }
}

/** The market data of Binance is public; credentials only prove who a client is. */
function defineBinance(config: BrokerConfigOf<'binance'>, surroundings: BrokerSurroundings): DefinitionOf {
  const hosts = surroundings.binanceHosts;
  return {
    traits: BINANCE_TRAITS,
    shared: (sink) => new BinanceBroker({ ...surroundings, sink }, { ...config, hosts }),
    clients: {
      check: ({ apiKey, apiSecret }, signal) =>
        checkBinanceCredentials(
          { apiKey: given(apiKey, 'apiKey'), apiSecret: given(apiSecret, 'apiSecret') },
          { ...surroundings, restUrl: config.restUrl, hosts, brokerId: surroundings.id },
          signal,
        ),
      create: null,
    },
  };
}

function defineOanda(config: BrokerConfigOf<'oanda'>, surroundings: BrokerSurroundings): DefinitionOf {
  const { token, accountId } = config;
  const isShared = token !== null && accountId !== null;
  const budgets = surroundings.oandaBudgets;
  // Clients' credentials are checked with the venue before an adapter is made for them.
  const options = { ...config, budgets, requiresAuthentication: !isShared, isTrusted: true };
  return {
    traits: oandaTraits(!isShared),
    shared: isShared
      ? (sink) =>
          new OandaBroker(
            { ...surroundings, sink },
            { ...options, credentials: { use: (task) => task({ token, accountId }) } },
          )
      : null,
    clients: {
      check: (credentials, signal) =>
        checkOandaCredentials(
          tokenAndAccount(credentials),
          { ...surroundings, ...config, budgets, brokerId: surroundings.id },
          signal,
        ),
      create: (sink, source) =>
        new OandaBroker(
          { ...surroundings, sink },
          {
            ...options,
            credentials: { use: (task) => source.use((credentials) => task(tokenAndAccount(credentials))) },
          },
        ),
    },
  };
}

function defineMock(
  config: Omit<BrokerConfigOf<'mock-oanda'>, 'kind'> & { readonly kind: MockKind },
  surroundings: BrokerSurroundings,
): DefinitionOf {
  const create = (sink: BrokerSink): MockBroker => new MockBroker({ ...surroundings, sink }, config);
  const takesCredentials = config.kind === 'mock-oanda';
  return {
    traits: mockTraits(config),
    shared: config.requiresAuthentication ? null : create,
    clients: takesCredentials
      ? {
          check: (credentials) => {
            if (checkMockCredentials(tokenAndAccount(credentials))) return Promise.resolve();
            return Promise.reject(
              new GatewayError('BROKER_AUTHENTICATION_FAILED', 'The mock broker does not know this token and account.'),
            );
          },
          create: config.requiresAuthentication ? create : null,
        }
      : null,
  };
}

function tokenAndAccount({ token, accountId }: BrokerCredentials): { token: string; accountId: string } {
  return { token: given(token, 'token'), accountId: given(accountId, 'accountId') };
}

function given(value: string | null, name: string): string {
  if (value !== null) return value;
  throw new GatewayError('BAD_REQUEST', `credentials.${name}: this broker needs it.`);
}

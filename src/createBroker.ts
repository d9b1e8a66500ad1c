import type { BrokerContext, BrokerSink } from './brokers/BaseBroker.ts';
import { BINANCE_TRAITS, BinanceBroker } from './brokers/binance/BinanceBroker.ts';
import type { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import { checkBinanceCredentials } from './brokers/binance/checkBinanceCredentials.ts';
import { checkMockCredentials } from './brokers/mock/checkMockCredentials.ts';
import { MockBroker, mockTraits } from './brokers/mock/MockBroker.ts';
import type { MockKind } from './brokers/mock/marketSpec.ts';
import { checkOandaCredentials } from './brokers/oanda/checkOandaCredentials.ts';
import { OandaBroker, oandaTraits } from './brokers/oanda/OandaBroker.ts';
import type { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { BrokerConfig, BrokerConfigOf } from './config/schema.ts';
import type { BrokerDefinition } from './core/Broker.ts';
import type { BrokerCredentials } from './market/credentials.ts';
import { assertNever, GatewayError } from './shared/errors.ts';

/** What every adapter gets, except for its sink. */
export interface AdapterContext extends Omit<BrokerContext, 'sink'> {
  readonly binanceHosts: BinanceHosts;
  readonly oandaBudgets: OandaBudgets;
}

type DefinitionOf = Omit<BrokerDefinition, 'id' | 'enabled'>;

/** Describes a configured broker to the gateway, which creates its adapters when they are needed. */
export function defineBroker(config: BrokerConfig, context: AdapterContext): BrokerDefinition {
  const { id } = context;
  return { id, enabled: config.enabled, ...definitionOf(config, context) };
}

function definitionOf(config: BrokerConfig, context: AdapterContext): DefinitionOf {
  switch (config.kind) {
    case 'binance':
      return defineBinance(config, context);
    case 'oanda':
      return defineOanda(config, context);
    case 'mock-binance':
      return defineMock({ ...config, requiresAuthentication: false }, context);
    case 'mock-oanda':
      return defineMock(config, context);
    default:
      return assertNever(config);
  }
}

/** Binance's market data is public. Clients' credentials only prove who they are. */
function defineBinance(config: BrokerConfigOf<'binance'>, context: AdapterContext): DefinitionOf {
  const hosts = context.binanceHosts;
  return {
    traits: BINANCE_TRAITS,
    shared: (sink) => new BinanceBroker({ ...context, sink }, { ...config, hosts }),
    clients: {
      check: ({ apiKey, apiSecret }, signal) =>
        checkBinanceCredentials(
          { apiKey: required(apiKey, 'apiKey'), apiSecret: required(apiSecret, 'apiSecret') },
          { ...context, restUrl: config.restUrl, hosts, brokerId: context.id },
          signal,
        ),
      create: null,
    },
  };
}

function defineOanda(config: BrokerConfigOf<'oanda'>, context: AdapterContext): DefinitionOf {
  const { token, accountId } = config;
  const isShared = token !== null && accountId !== null;
  const budgets = context.oandaBudgets;
  const options = { ...config, budgets, requiresAuthentication: !isShared };
  return {
    traits: oandaTraits(!isShared),
    shared: isShared
      ? (sink) =>
          new OandaBroker(
            { ...context, sink },
            { ...options, credentials: { use: (task) => task({ token, accountId }) } },
          )
      : null,
    clients: {
      check: (credentials, signal) =>
        checkOandaCredentials(
          tokenAndAccount(credentials),
          { ...context, ...config, budgets, brokerId: context.id },
          signal,
        ),
      create: (sink, source) =>
        new OandaBroker(
          { ...context, sink },
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
  context: AdapterContext,
): DefinitionOf {
  const create = (sink: BrokerSink): MockBroker => new MockBroker({ ...context, sink }, config);
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
  return { token: required(token, 'token'), accountId: required(accountId, 'accountId') };
}

function required(value: string | null, name: string): string {
  if (value !== null) return value;
  throw new GatewayError('BAD_REQUEST', `credentials.${name}: this broker requires it.`);
}

import type { BaseBroker, BrokerContext } from './brokers/BaseBroker.ts';
import { BinanceBroker } from './brokers/binance/BinanceBroker.ts';
import { MockBroker } from './brokers/mock/MockBroker.ts';
import type { BrokerConfig } from './config/schema.ts';
import { assertNever } from './shared/assertNever.ts';

/** A kind of broker that a configuration may name, and that this version can't serve yet. */
export type UnservedKind = 'oanda';
export type ServedBrokerConfig = Exclude<BrokerConfig, { kind: UnservedKind }>;

/** The adapter for a broker as configured. */
export function createBroker(config: ServedBrokerConfig, context: BrokerContext): BaseBroker {
  switch (config.kind) {
    case 'binance':
      return new BinanceBroker(context, config);
    case 'mock-binance':
      return new MockBroker(context, { ...config, requiresAuthentication: false });
    case 'mock-oanda':
      return new MockBroker(context, config);
    default:
      return assertNever(config);
  }
}

export function isServed(config: BrokerConfig): config is ServedBrokerConfig {
  return config.kind !== 'oanda';
}

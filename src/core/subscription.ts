import type { BookUpdateKind, CandleInterval, MarketDataType, Scope } from '../market/marketData.ts';
import type { GatewayError } from '../shared/errors.ts';

/** What a client may say beside what it wants; both protocols' `options`. */
export interface SubscriptionOptions {
  /** Of candles. */
  readonly interval: CandleInterval;
  /** Levels a side of an order book, 1 to 1000. */
  readonly depth: number;
  readonly book: BookUpdateKind;
  /** At most one event each so many milliseconds for each stream, always the latest; 0: every event. */
  readonly throttleMs: number;
  /** Begin with the last known tick, candle and book. */
  readonly snapshot: boolean;
}

export const DEFAULT_OPTIONS: SubscriptionOptions = {
  interval: '1m',
  depth: 20,
  book: 'snapshot',
  throttleMs: 0,
  snapshot: true,
};

export interface SubscriptionRequest {
  /** Null: each symbol goes to the one enabled broker that lists it. */
  readonly broker: string | null;
  readonly symbols: readonly string[];
  readonly types: readonly MarketDataType[];
  readonly options: SubscriptionOptions;
}

/** Where a symbol was routed, and under whose credentials. */
export interface SymbolRoute {
  readonly broker: string;
  readonly symbol: string;
  readonly scope: Scope;
}

/** Which brokers a client has given credentials of its own; sessions are. */
export interface BrokerAccess {
  /** Null where it gave none. */
  scopeOf(broker: string): Scope | null;
  /** Told of every change until disposed of. */
  watch(listener: (broker: string, scope: Scope | null) => void): Disposable;
}

export interface SymbolRejection {
  readonly symbol: string;
  readonly error: GatewayError;
}

export interface Resolution {
  readonly accepted: readonly SymbolRoute[];
  readonly rejected: readonly SymbolRejection[];
}

/** The access of who gave no credentials, as of whoever asks how the brokers do. */
export const NO_ACCESS: BrokerAccess = {
  scopeOf: () => null,
  watch: () => ({ [Symbol.dispose]: () => undefined }),
};

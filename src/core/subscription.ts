import type { BookUpdateKind, CandleInterval, MarketDataType, Scope } from '../market/marketData.ts';
import type { GatewayError } from '../shared/errors.ts';

/** A client may choose these for its subscription; they are the `options` of both protocols. */
export interface SubscriptionOptions {
  /** The interval of candles. */
  readonly interval: CandleInterval;
  /** Levels on each side of an order book, 1 to 1000. */
  readonly depth: number;
  readonly book: BookUpdateKind;
  /** At most one event in this many milliseconds for each stream, always the latest; 0 for every event. */
  readonly throttleMs: number;
  /** Begin with the last known tick, candle and book. */
  readonly snapshot: boolean;
}

/** The options of a subscription that names none. */
export const DEFAULT_OPTIONS: SubscriptionOptions = {
  interval: '1m',
  depth: 20,
  book: 'snapshot',
  throttleMs: 0,
  snapshot: true,
};

/** A client wants to subscribe to this. */
export interface SubscriptionRequest {
  /** Null: each symbol goes to the one enabled broker that lists it. */
  readonly broker: string | null;
  readonly symbols: readonly string[];
  readonly types: readonly MarketDataType[];
  readonly options: SubscriptionOptions;
}

/** The broker and the scope that serve a symbol. */
export interface SymbolRoute {
  readonly broker: string;
  readonly symbol: string;
  readonly scope: Scope;
}

/** The brokers that a client has given credentials for. */
export interface BrokerAccess {
  /** Null if the client gave none. */
  scopeOf(broker: string): Scope | null;
  /** Calls the listener for every change until disposed of. */
  watch(listener: (broker: string, scope: Scope | null) => void): Disposable;
}

/** A symbol that can't be subscribed to, and why. */
export interface SymbolRejection {
  readonly symbol: string;
  readonly error: GatewayError;
}

/** The outcome of routing the symbols of a request. */
export interface Resolution {
  readonly accepted: readonly SymbolRoute[];
  readonly rejected: readonly SymbolRejection[];
}

/** The access of a client without credentials. */
export const NO_ACCESS: BrokerAccess = {
  scopeOf: () => null,
  watch: () => ({ [Symbol.dispose]: () => undefined }),
};

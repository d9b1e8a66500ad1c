import type { BookUpdateKind, CandleInterval, MarketDataType } from '../market/marketData.ts';
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

/** Where a symbol was routed. */
export interface SymbolRoute {
  readonly broker: string;
  readonly symbol: string;
}

export interface SymbolRejection {
  readonly symbol: string;
  readonly error: GatewayError;
}

export interface Resolution {
  readonly accepted: readonly SymbolRoute[];
  readonly rejected: readonly SymbolRejection[];
}

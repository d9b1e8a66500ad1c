import type { Decimal } from './decimal.ts';
import type { Timestamp } from './timestamp.ts';

/** What a client can ask for. `status` is what the gateway itself says of a feed. */
export const MARKET_DATA_TYPES = ['tick', 'candle', 'orderbook', 'trade', 'status'] as const;
export type MarketDataType = (typeof MARKET_DATA_TYPES)[number];
/** What a venue delivers. */
export type FeedType = Exclude<MarketDataType, 'status'>;

export const CANDLE_INTERVALS = {
  '1s': 1_000,
  '5s': 5_000,
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000,
  '4h': 14_400_000,
  '1d': 86_400_000,
} as const;
/** Lengths in milliseconds are in CANDLE_INTERVALS; candles are aligned to the epoch, in UTC. */
export type CandleInterval = keyof typeof CANDLE_INTERVALS;

/** The side of the taker. */
export type Side = 'buy' | 'sell';
export type BookUpdateKind = 'snapshot' | 'delta';
export type FeedState = 'live' | 'stale' | 'recovering' | 'closed';

/** What every event has: see the interface MarketData of the GraphQL schema, whose fields these are. */
export interface EventHeader {
  readonly broker: string;
  readonly symbol: string;
  /** The venue's time; the time of receipt where the venue does not say. */
  readonly time: Timestamp;
  readonly receivedAt: Timestamp;
  /** Counts the events of one stream by one, from the stream's start. */
  readonly sequence: number;
  /** Opaque; different in each life of the stream. */
  readonly cursor: string;
}

export interface Tick extends EventHeader {
  readonly type: 'tick';
  readonly bid: Decimal;
  readonly bidSize: Decimal | null;
  readonly ask: Decimal;
  readonly askSize: Decimal | null;
  readonly last: Decimal | null;
  readonly mid: Decimal;
  readonly spread: Decimal;
}

export interface Trade extends EventHeader {
  readonly type: 'trade';
  /** The venue's own id. */
  readonly id: string;
  readonly price: Decimal;
  readonly size: Decimal;
  readonly side: Side;
}

export interface Candle extends EventHeader {
  readonly type: 'candle';
  readonly interval: CandleInterval;
  readonly openTime: Timestamp;
  /** The first instant after the candle. */
  readonly closeTime: Timestamp;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly tradeCount: number | null;
  readonly closed: boolean;
}

export interface PriceLevel {
  readonly price: Decimal;
  readonly size: Decimal;
}

/**
 * Of the book. On a stream (between broker, bus and MarketState) it is the whole book or all the levels that changed;
 * what a subscriber gets is a view of it, cut to the depth it asked for. In a delta a size of 0 removes the level.
 */
export interface OrderBookUpdate extends EventHeader {
  readonly type: 'orderbook';
  readonly kind: BookUpdateKind;
  /** Best (highest) first. */
  readonly bids: readonly PriceLevel[];
  /** Best (lowest) first. */
  readonly asks: readonly PriceLevel[];
}

export interface FeedStatus extends EventHeader {
  readonly type: 'status';
  readonly state: FeedState;
  /** A short sentence for a person. */
  readonly reason: string | null;
  /** True where events were lost that can't be had again; `reason` says which. */
  readonly gap: boolean;
}

export type MarketData = Tick | Trade | Candle | OrderBookUpdate | FeedStatus;
export type FeedEvent = Exclude<MarketData, FeedStatus>;

type WithoutPlace<T> = T extends unknown ? Omit<T, 'broker' | 'symbol' | 'sequence' | 'cursor'> : never;
/** A market event as a broker makes it: whose it is, its number and its cursor are added where it is numbered. */
export type FeedEventDraft = WithoutPlace<FeedEvent>;
export type TickDraft = WithoutPlace<Tick>;
export type TradeDraft = WithoutPlace<Trade>;
export type CandleDraft = WithoutPlace<Candle>;
export type OrderBookDraft = WithoutPlace<OrderBookUpdate>;

/** `shared`, or the credential scope whose holders alone may see the stream. */
export type Scope = string;
export const SHARED: Scope = 'shared';

declare const streamKeyBrand: unique symbol;
/** The one value that everything which routes, stores or counts is keyed by. Made by `streamKey` alone. */
export type StreamKey = string & { readonly [streamKeyBrand]: true };

export interface StreamAddress {
  readonly scope: Scope;
  readonly broker: string;
  readonly symbol: string;
  readonly type: MarketDataType;
  /** Of candles; null for every other type. */
  readonly interval: CandleInterval | null;
}

/** JSON keeps the parts apart whatever characters a venue's symbol holds. */
export function streamKey({ scope, broker, symbol, type, interval }: StreamAddress): StreamKey {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that makes the brand
  return JSON.stringify([scope, broker, symbol, type, interval]) as StreamKey;
}

import type { Decimal } from './decimal.ts';
import type { Timestamp } from './timestamp.ts';

/** The types of events that a client can subscribe to. `status` events come from the gateway itself and describe the feed. */
export const MARKET_DATA_TYPES = ['tick', 'candle', 'orderbook', 'trade', 'status'] as const;
/** One of MARKET_DATA_TYPES. */
export type MarketDataType = (typeof MARKET_DATA_TYPES)[number];
/** The types of events that come from a venue. */
export type FeedType = Exclude<MarketDataType, 'status'>;

/** True if every event of the type counts. An event of another type stands for all before it. */
export function isLossless(type: MarketDataType): boolean {
  return type === 'trade' || type === 'candle' || type === 'status';
}

/** An open candle is sent again, so only the closed one may not be lost. */
export function mayNotBeLost(event: MarketData): boolean {
  return isLossless(event.type) && (event.type !== 'candle' || event.closed);
}

/** The length of each candle interval in milliseconds. Candles are aligned to the epoch, in UTC. */
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
/** One of the keys of CANDLE_INTERVALS. */
export type CandleInterval = keyof typeof CANDLE_INTERVALS;

/** The side of the taker. */
export type Side = 'buy' | 'sell';
/** A snapshot replaces the book, a delta changes it. */
export type BookUpdateKind = 'snapshot' | 'delta';
/** How a feed is doing: see the enum FeedState of the GraphQL schema. */
export type FeedState = 'live' | 'stale' | 'recovering' | 'closed';

/** The fields that every event has. They are those of the interface MarketData in the GraphQL schema. */
export interface EventHeader {
  readonly broker: string;
  readonly symbol: string;
  /** The venue's time, or the time of receipt if the venue sends none. */
  readonly time: Timestamp;
  readonly receivedAt: Timestamp;
  /** Numbers the events of one stream without holes, starting at 1 in each epoch of the stream. */
  readonly sequence: number;
  /** The position of the event: opaque, and different in each epoch of the stream. */
  readonly cursor: string;
}

/** Best bid and best ask. */
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

/** One execution. */
export interface Trade extends EventHeader {
  readonly type: 'trade';
  /**
   * The venue's id of the trade, unique for its symbol. It isn't called `id`, because caches of GraphQL clients take whatever
   * has an `id` for an entity: they would keep every trade, and mix those of two symbols.
   */
  readonly tradeId: string;
  readonly price: Decimal;
  readonly size: Decimal;
  readonly side: Side;
  /** It was fetched from the venue afterwards: history, or the repair of a gap. */
  readonly backfilled: boolean;
}

/** Open, high, low and close over one interval. While `closed` is false, the candle is sent again as it grows. */
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
  /** As of a Trade. */
  readonly backfilled: boolean;
}

/** One price of an order book and the size that is offered or wanted there. */
export interface PriceLevel {
  readonly price: Decimal;
  readonly size: Decimal;
}

/**
 * A snapshot or a change of an order book. Between broker, bus and MarketState it is the whole book or every level that changed.
 * A subscriber gets a view of it, cut to the requested depth. In a delta a size of 0 removes the level.
 */
export interface OrderBookUpdate extends EventHeader {
  readonly type: 'orderbook';
  readonly kind: BookUpdateKind;
  /** Best (highest) first. */
  readonly bids: readonly PriceLevel[];
  /** Best (lowest) first. */
  readonly asks: readonly PriceLevel[];
}

/** How one feed of a symbol is doing. */
export interface FeedStanding {
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
  /** `opening`: nothing is known yet. `withdrawn`: its last value no longer holds, and the feed itself is fine. */
  readonly state: FeedState | 'opening' | 'withdrawn';
  readonly reason: string | null;
  /** When it came into this state; null while it is opening. */
  readonly since: Timestamp | null;
  /** Events of it were lost for good; reported once. */
  readonly gap: FeedGap | null;
}

/** Events of one stream that were lost, and that neither the gateway nor the venue has any more. */
export interface FeedGap {
  readonly type: FeedType;
  /** The time of the last event before it; null if there was none. */
  readonly from: Timestamp | null;
  /** The time of the first event after it; null if it has not come yet. */
  readonly to: Timestamp | null;
}

/** Tells a subscription that asked for `resume` or for history what comes before the live events of a symbol. */
export interface FeedReplay {
  /** Whether everything since the given cursors is sent before the live events; null if none of them is of this symbol. */
  readonly recovered: boolean | null;
  /** How many events are sent before the live ones. */
  readonly events: number;
  /** False if less could be had than was asked for. */
  readonly complete: boolean;
}

/** The gateway reports this about the feed of one symbol. */
export interface FeedStatus extends EventHeader {
  readonly type: 'status';
  readonly state: FeedState;
  /** A short sentence for a person. */
  readonly reason: string | null;
  /** Since when it is so. */
  readonly since: Timestamp;
  /** Events that were lost for good, and are reported here; `reason` says it in words. */
  readonly gap: FeedGap | null;
  /** Sent once for each symbol, to a subscriber that asked for events of the past, and before all of them. */
  readonly replay: FeedReplay | null;
  /**
   * The feeds that the state is made of: each subscriber sees those that it has. Not sent to clients. Left out: the
   * status concerns every subscriber.
   */
  readonly feeds?: readonly FeedStanding[];
}

/** Any event. */
export type MarketData = Tick | Trade | Candle | OrderBookUpdate | FeedStatus;
/** Any event that comes from a venue. */
export type FeedEvent = Exclude<MarketData, FeedStatus>;

type WithoutNumber<T> = T extends unknown ? Omit<T, 'broker' | 'symbol' | 'sequence' | 'cursor'> : never;
/** An event as an adapter creates it. Broker, symbol, sequence and cursor are added when it is numbered. */
export type FeedEventDraft = WithoutNumber<FeedEvent>;
export type TickDraft = WithoutNumber<Tick>;
export type TradeDraft = WithoutNumber<Trade>;
export type CandleDraft = WithoutNumber<Candle>;
export type OrderBookDraft = WithoutNumber<OrderBookUpdate>;

/** `shared`, or a credential scope: only clients that hold this scope may see the stream. */
export type Scope = string;
/** The scope of streams that every client may see. */
export const SHARED: Scope = 'shared';

declare const streamKeyBrand: unique symbol;
/** The key of a stream, used wherever streams are routed, stored or counted. Only `streamKey` makes it. */
export type StreamKey = string & { readonly [streamKeyBrand]: true };

/** The parts of a stream key. */
export interface StreamAddress {
  readonly scope: Scope;
  readonly broker: string;
  readonly symbol: string;
  readonly type: MarketDataType;
  /** The interval of candles; null for every other type. */
  readonly interval: CandleInterval | null;
}

/** The parts of a key. */
export function addressOf(key: StreamKey): StreamAddress {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `streamKey` made the text of these
  const [scope, broker, symbol, type, interval] = JSON.parse(key) as [
    Scope,
    string,
    string,
    MarketDataType,
    CandleInterval | null,
  ];
  return { scope, broker, symbol, type, interval };
}

/** Makes the key of a stream. JSON keeps its parts apart, whatever characters a symbol contains. */
export function streamKey({ scope, broker, symbol, type, interval }: StreamAddress): StreamKey {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that makes the brand
  return JSON.stringify([scope, broker, symbol, type, interval]) as StreamKey;
}

import { MARKET_DATA } from './marketDataDocument.ts';

export { resumable } from './resumable.ts';
export type { ResumableOptions } from './resumable.ts';

export type MarketDataType = 'TICK' | 'CANDLE' | 'ORDERBOOK' | 'TRADE' | 'STATUS';
export type Side = 'BUY' | 'SELL';
export type CandleInterval =
  | 'ONE_SECOND'
  | 'FIVE_SECONDS'
  | 'ONE_MINUTE'
  | 'FIVE_MINUTES'
  | 'FIFTEEN_MINUTES'
  | 'ONE_HOUR'
  | 'FOUR_HOURS'
  | 'ONE_DAY';
export type BookUpdateKind = 'SNAPSHOT' | 'DELTA';
export type FeedState = 'LIVE' | 'STALE' | 'RECOVERING' | 'CLOSED';
/** An exact decimal number in plain notation. */
export type Decimal = string;
/** An instant in UTC, RFC 3339, with up to nine decimals. */
export type Timestamp = string;

interface Header {
  readonly broker: string;
  readonly symbol: string;
  readonly type: MarketDataType;
  readonly time: Timestamp;
  readonly receivedAt: Timestamp;
  readonly sequence: number;
  readonly cursor: string;
}
export interface Tick extends Header {
  readonly __typename: 'Tick';
  readonly bid: Decimal;
  readonly bidSize: Decimal | null;
  readonly ask: Decimal;
  readonly askSize: Decimal | null;
  readonly last: Decimal | null;
  readonly mid: Decimal;
  readonly spread: Decimal;
}
export interface Trade extends Header {
  readonly __typename: 'Trade';
  readonly tradeId: string;
  readonly price: Decimal;
  readonly size: Decimal;
  readonly side: Side;
  readonly backfilled: boolean;
}
export interface Candle extends Header {
  readonly __typename: 'Candle';
  readonly interval: CandleInterval;
  readonly openTime: Timestamp;
  readonly closeTime: Timestamp;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly tradeCount: number | null;
  readonly closed: boolean;
  readonly backfilled: boolean;
}
export interface PriceLevel {
  readonly price: Decimal;
  readonly size: Decimal;
}
export interface OrderBook extends Header {
  readonly __typename: 'OrderBook';
  readonly kind: BookUpdateKind;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}
export interface FeedGap {
  readonly type: MarketDataType;
  readonly from: Timestamp | null;
  readonly to: Timestamp | null;
}
export interface FeedReplay {
  readonly recovered: boolean | null;
  readonly events: number;
  readonly complete: boolean;
}
export interface FeedStatus extends Header {
  readonly __typename: 'FeedStatus';
  readonly state: FeedState;
  readonly reason: string | null;
  readonly since: Timestamp;
  readonly gap: FeedGap | null;
  readonly replay: FeedReplay | null;
}
/** An event, told apart by `__typename`. What the fields mean is in the gateway's schema. */
export type MarketData = Tick | Trade | Candle | OrderBook | FeedStatus;

/** How market data is sent, as the schema's input of the same name. */
export interface MarketDataOptions {
  readonly interval?: CandleInterval;
  readonly depth?: number;
  readonly book?: BookUpdateKind;
  readonly throttleMs?: number;
  readonly snapshot?: boolean;
  readonly history?: number;
}
/** The arguments of the subscription. */
export interface MarketDataRequest {
  readonly broker?: string;
  readonly symbols: readonly string[];
  /** @default TICK alone */
  readonly types?: readonly MarketDataType[];
  readonly options?: MarketDataOptions;
  /** Cursors that the application has kept itself, for example over a reload of its page. */
  readonly resume?: readonly string[];
}
export interface MarketDataSink {
  next(event: MarketData): void;
  error(problem: unknown): void;
  complete(): void;
}

/** The part of a graphql-ws client that is used here. */
export interface SubscribingClient {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- The caller knows what its document selects.
  subscribe<Data>(
    payload: { readonly query: string; readonly variables: Record<string, unknown> },
    sink: {
      next(result: { readonly data?: Data | null | undefined; readonly errors?: readonly unknown[] | undefined }): void;
      error(problem: unknown): void;
      complete(): void;
    },
  ): () => void;
}

/** Subscribes to market data and returns a function that ends the subscription. */
export function subscribeMarketData(
  client: SubscribingClient,
  request: MarketDataRequest,
  sink: MarketDataSink,
): () => void {
  return client.subscribe<{ readonly marketData: MarketData }>(
    { query: MARKET_DATA, variables: { ...request } },
    {
      next: ({ data, errors }) => {
        if (data) sink.next(data.marketData);
        else sink.error(errors);
      },
      error: (problem) => sink.error(problem),
      complete: () => sink.complete(),
    },
  );
}

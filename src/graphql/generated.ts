import type { Decimal } from '../market/decimal.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { MarketData as MarketDataModel, Tick as TickModel, Trade as TradeModel, Candle as CandleModel, OrderBookUpdate as OrderBookModel, FeedStatus as FeedStatusModel } from '../market/marketData.ts';
import type { BrokerInfo as BrokerModel } from '../core/brokerInfo.ts';
import type { GraphqlContext } from './context.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An exact decimal number in plain notation (no exponent), carried as a JSON string so that no digit is lost: "43250.10". Compute with a decimal library, not with floating-point numbers. */
  Decimal: { input: Decimal; output: Decimal; }
  /** A whole number from 0 to 2^53-1, carried as a JSON number. */
  SafeInt: { input: number; output: number; }
  /** An instant in UTC, RFC 3339, as fine as its source gives it (up to nanoseconds): 2026-11-23T07:30:04.123456Z. */
  Timestamp: { input: Timestamp; output: Timestamp; }
};

/** How an event describes an order book. */
export type BookUpdateKind =
  /** Only the levels that changed since the event before. */
  | 'delta'
  /** All levels, down to the requested depth. */
  | 'snapshot';

/** A configured source of market data. */
export type Broker = {
  readonly __typename?: 'Broker';
  /** True if this client has given the broker working credentials. */
  readonly authenticated: Scalars['Boolean']['output'];
  /** False if an administrator or the configuration has disabled the broker. */
  readonly enabled: Scalars['Boolean']['output'];
  /** The broker's id in the configuration, such as binance or mock-binance. All other fields and arguments named `broker` take it. */
  readonly id: Scalars['ID']['output'];
  /** The adapter that is used: binance, oanda, mock-binance or mock-oanda. */
  readonly kind: Scalars['String']['output'];
  /** When the venue's last message was received; null if there was none yet. */
  readonly lastMessageAt: Maybe<Scalars['Timestamp']['output']>;
  /** A short sentence on the state, for a person; null if there is nothing to say. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** True if market data flows only to clients that gave this broker their own credentials. */
  readonly requiresAuthentication: Scalars['Boolean']['output'];
  /** The state of the connection to the venue. */
  readonly state: BrokerState;
  /** The types of market data that the broker provides. */
  readonly supportedTypes: ReadonlyArray<MarketDataType>;
  /** True if the data is made up (the mock brokers). */
  readonly synthetic: Scalars['Boolean']['output'];
};

/** The result of giving a broker credentials. */
export type BrokerAuthentication = {
  readonly __typename?: 'BrokerAuthentication';
  /** The broker that accepted the credentials. */
  readonly broker: Broker;
  /** When the session ends if it is not used until then. */
  readonly expiresAt: Scalars['Timestamp']['output'];
  /** Opaque and secret. A client that sent the mutation over HTTP passes it to its socket as connectionParams.session (raw path: the auth action), and to HTTP as the header x-session. */
  readonly session: Scalars['String']['output'];
};

/** A client's own credentials with a broker. Each venue needs some of them: Binance `apiKey` and `apiSecret`, OANDA `accountId` and `token`. */
export type BrokerCredentials = {
  /** The account's id, such as 101-001-1234567-001 (OANDA). */
  readonly accountId?: InputMaybe<Scalars['String']['input']>;
  /** The API key, as the venue gave it out (Binance). */
  readonly apiKey?: InputMaybe<Scalars['String']['input']>;
  /** The secret or the private key (PEM) that belongs to the API key (Binance). */
  readonly apiSecret?: InputMaybe<Scalars['String']['input']>;
  /** The access token (OANDA). */
  readonly token?: InputMaybe<Scalars['String']['input']>;
};

/** The state of a broker's connection to its venue. */
export type BrokerState =
  /** The connection works. */
  | 'connected'
  /** The broker is connecting to the venue. */
  | 'connecting'
  /** The connection works in part; `reason` says what does not. */
  | 'degraded'
  /** An administrator or the configuration has disabled the broker. */
  | 'disabled'
  /** There is no connection to the venue at the moment. */
  | 'disconnected';

/** Open, high, low and close over one interval. While `closed` is false the same candle is sent again as it grows. */
export type Candle = MarketData & {
  readonly __typename?: 'Candle';
  /** True if it was fetched from the venue afterwards: history, or the repair of a gap. */
  readonly backfilled: Scalars['Boolean']['output'];
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The last price so far. */
  readonly close: Scalars['Decimal']['output'];
  /** The first instant after the candle. */
  readonly closeTime: Scalars['Timestamp']['output'];
  /** True once the candle no longer changes. */
  readonly closed: Scalars['Boolean']['output'];
  /** The position of this event in its stream, opaque. Give the last one to `resume` after a break, and nothing is missing. */
  readonly cursor: Scalars['String']['output'];
  /** The highest price. */
  readonly high: Scalars['Decimal']['output'];
  /** The length of the candle. */
  readonly interval: CandleInterval;
  /** The lowest price. */
  readonly low: Scalars['Decimal']['output'];
  /** The first price. */
  readonly open: Scalars['Decimal']['output'];
  /** The first instant of the candle. */
  readonly openTime: Scalars['Timestamp']['output'];
  /** When this gateway read it from the venue's connection, in UTC. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** The number of the event in its (broker, symbol, type) stream. A jump means that this subscriber was not sent the events in between (conflation). */
  readonly sequence: Scalars['SafeInt']['output'];
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue, in UTC; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The number of trades in the interval; null if the venue does not send it. */
  readonly tradeCount: Maybe<Scalars['SafeInt']['output']>;
  /** The type of the event. */
  readonly type: MarketDataType;
  /** Base-asset volume; for venues that report ticks instead of volume, the number of ticks. */
  readonly volume: Scalars['Decimal']['output'];
};

/** The length of a candle. Candles are aligned to the epoch, in UTC. */
export type CandleInterval =
  /** 15 minutes. */
  | '15m'
  /** 5 minutes. */
  | '5m'
  /** 5 seconds. */
  | '5s'
  /** 4 hours. */
  | '4h'
  /** 1 day. */
  | '1d'
  /** 1 hour. */
  | '1h'
  /** 1 minute. */
  | '1m'
  /** 1 second. */
  | '1s';

/** Events of one stream that were lost, and that neither the gateway nor the venue has any more. */
export type FeedGap = {
  readonly __typename?: 'FeedGap';
  /** The time of the last event before the gap; null if there was none. */
  readonly from: Maybe<Scalars['Timestamp']['output']>;
  /** The time of the first event after the gap; null if it has not come yet. */
  readonly to: Maybe<Scalars['Timestamp']['output']>;
  /** The type of the stream. */
  readonly type: MarketDataType;
};

/** Tells a subscription that asked for `resume` or `options.history` what comes before the live events of a symbol. */
export type FeedReplay = {
  readonly __typename?: 'FeedReplay';
  /** False if less could be had than was asked for. */
  readonly complete: Scalars['Boolean']['output'];
  /** How many events are sent before the live ones. */
  readonly events: Scalars['Int']['output'];
  /** True if everything since the given cursors is sent before the live events; false if it can't be; null if no given cursor is of this symbol. */
  readonly recovered: Maybe<Scalars['Boolean']['output']>;
};

/** The state of a feed. */
export type FeedState =
  /** The feed has ended. `reason` says why. */
  | 'closed'
  /** Data arrives as usual. */
  | 'live'
  /** The connection or the order book was lost, and is being restored. */
  | 'recovering'
  /** No data has arrived for unusually long. */
  | 'stale';

/** The state of a feed, and what a subscriber must know about it. It is sent to those who ask for STATUS, and, if it carries `replay` or a `gap` behind a given cursor, to those who gave `resume` too. */
export type FeedStatus = MarketData & {
  readonly __typename?: 'FeedStatus';
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The position of this event in its stream, opaque. Give the last one to `resume` after a break, and nothing is missing. */
  readonly cursor: Scalars['String']['output'];
  /** Reported once, when it is known that the events are lost; null otherwise. */
  readonly gap: Maybe<FeedGap>;
  /** A short sentence for a person, such as: The connection to the venue was lost. Null if there is nothing to say. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** When this gateway read it from the venue's connection, in UTC. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** Reported once for each symbol, before anything else of it; null otherwise. */
  readonly replay: Maybe<FeedReplay>;
  /** The number of the event in its (broker, symbol, type) stream. A jump means that this subscriber was not sent the events in between (conflation). */
  readonly sequence: Scalars['SafeInt']['output'];
  /** Since when it is so. */
  readonly since: Scalars['Timestamp']['output'];
  /** The state of the feed. */
  readonly state: FeedState;
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue, in UTC; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The type of the event. */
  readonly type: MarketDataType;
};

/** An instrument that a broker lists. */
export type Instrument = {
  readonly __typename?: 'Instrument';
  /** The asset or currency that is traded, such as BTC; null if the venue does not name it. */
  readonly base: Maybe<Scalars['String']['output']>;
  /** The broker's id. */
  readonly broker: Scalars['ID']['output'];
  /** A name for people, such as BTC/USDT. */
  readonly displayName: Scalars['String']['output'];
  /** The smallest step of a size, such as 0.00001; null if the venue does not say. */
  readonly lotSize: Maybe<Scalars['Decimal']['output']>;
  /** The currency in which prices are given, such as USDT; null if the venue does not name it. */
  readonly quote: Maybe<Scalars['String']['output']>;
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** The smallest step of a price, such as 0.01; null if the venue does not say. */
  readonly tickSize: Maybe<Scalars['Decimal']['output']>;
  /** True if the venue accepts orders for the instrument at present. */
  readonly tradable: Scalars['Boolean']['output'];
};

/** A page of instruments. */
export type InstrumentConnection = {
  readonly __typename?: 'InstrumentConnection';
  /** The instruments of this page, in the order of their symbols. */
  readonly edges: ReadonlyArray<InstrumentEdge>;
  /** Tells whether there is more before and after this page. */
  readonly pageInfo: PageInfo;
  /** How many instruments match on all pages. */
  readonly totalCount: Scalars['Int']['output'];
};

/** An instrument and its position in the list. */
export type InstrumentEdge = {
  readonly __typename?: 'InstrumentEdge';
  /** The position, for the argument `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The instrument. */
  readonly node: Instrument;
};

/** The result of renewing a login. */
export type LoginRenewal = {
  readonly __typename?: 'LoginRenewal';
  /** When the login ends now; null if it does not end by itself. */
  readonly expiresAt: Maybe<Scalars['Timestamp']['output']>;
};

/** Every event has these fields. Those that only some events have are on the types that implement this. */
export type MarketData = {
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The position of this event. It is opaque, and different in each epoch of the stream: `sequence` starts over with a new epoch. */
  readonly cursor: Scalars['String']['output'];
  /** When this gateway read it from the venue's connection. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** Numbers the events of one (broker, symbol, type) stream without holes, from the start of the stream. A jump means that this subscriber was not sent the events in between (conflation), never that something was lost unnoticed. */
  readonly sequence: Scalars['SafeInt']['output'];
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The type of the event. */
  readonly type: MarketDataType;
};

/** How market data is to be sent. */
export type MarketDataOptions = {
  /** SNAPSHOT: every book event is the whole top of the book. DELTA: one SNAPSHOT, then changes only. */
  readonly book: BookUpdateKind;
  /** The number of levels on each side of an order book, 1 to 1000. */
  readonly depth: Scalars['Int']['input'];
  /** Start with so many closed candles of the interval, and so many trades, of each symbol, oldest first, joined to the live ones without a hole or a double. 0 to 1000. Nothing is sent again of a stream that was resumed. */
  readonly history: Scalars['Int']['input'];
  /** The interval of candles. */
  readonly interval: CandleInterval;
  /** Start with the last known tick, candle and book of each symbol. */
  readonly snapshot: Scalars['Boolean']['input'];
  /** At most one event for each (symbol, type) in this many milliseconds, always the latest; trades are never dropped. 0: every event. */
  readonly throttleMs: Scalars['Int']['input'];
};

/** The types of market data. */
export type MarketDataType =
  /** Open, high, low and close over an interval: events of the type Candle. */
  | 'candle'
  /** The levels of an order book: events of the type OrderBook. */
  | 'orderbook'
  /** The state of the feed itself: events of the type FeedStatus. */
  | 'status'
  /** Best bid and best ask: events of the type Tick. */
  | 'tick'
  /** Single executions: events of the type Trade. */
  | 'trade';

/** A way in which a mock broker misbehaves on demand, so that you can see what your own client shows then. The other brokers are not touched. */
export type MockFaultKind =
  /** The book has a bid at its best ask, for 1 s if `forMs` is left out. The crossed book is sent to nobody: subscribers are told RECOVERING, then LIVE with a new snapshot. */
  | 'crossedBook'
  /** The connection is lost, for 3 s if `forMs` is left out. Subscribers are told RECOVERING, then LIVE; trades and closed candles that they missed come with `backfilled: true`. */
  | 'disconnect'
  /** Every message comes twice, for 1 s if `forMs` is left out. The gateway mends this: subscribers get each event once. */
  | 'duplicate'
  /** Trades, changes of books and candles are lost for good, for 1 s if `forMs` is left out. Subscribers are told a FeedStatus with `gap`, or that a book is RECOVERING; ticks go on. */
  | 'gap'
  /** The market closes, for 5 s if `forMs` is left out. Subscribers are told CLOSED, then LIVE; meanwhile `Instrument.tradable` is false. */
  | 'halt'
  /** The second of two messages that follow each other comes first, for 1 s if `forMs` is left out. The gateway mends this: subscribers get events in their order. */
  | 'outOfOrder'
  /** Nothing comes, though the connection stays, for 15 s if `forMs` is left out. Subscribers are told STALE after `feeds.staleAfterMs` of the configuration (10 s by default), and LIVE with the next event. */
  | 'silence';

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Gives a broker this client's own credentials. They are checked with the venue before this answers. */
  readonly authenticateBroker: BrokerAuthentication;
  /** Forgets this client's credentials for a broker, and closes what was opened with them. Returns false if there were none. */
  readonly deauthenticateBroker: Scalars['Boolean']['output'];
  /** Makes a mock broker misbehave at once, for all its subscribers, and answers with the broker's state then. Requires the role `admin`, or, where nobody has to log in, a client on the same machine as the gateway; others get FORBIDDEN. A broker with a real venue is refused with BAD_REQUEST. For a broker that clients open with their own credentials, it concerns those who gave the same ones as you. */
  readonly provokeFault: Broker;
  /** Replaces the login of this socket by a newer token of the same client, before the old one ends. Only over WebSocket. */
  readonly renewLogin: LoginRenewal;
  /** Enables or disables a broker without a restart. Requires the role `admin`. */
  readonly setBrokerEnabled: Broker;
};


export type MutationAuthenticateBrokerArgs = {
  broker: Scalars['ID']['input'];
  credentials: BrokerCredentials;
};


export type MutationDeauthenticateBrokerArgs = {
  broker: Scalars['ID']['input'];
};


export type MutationProvokeFaultArgs = {
  broker: Scalars['ID']['input'];
  forMs?: InputMaybe<Scalars['Int']['input']>;
  kind: MockFaultKind;
  symbols?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};


export type MutationRenewLoginArgs = {
  token: Scalars['String']['input'];
};


export type MutationSetBrokerEnabledArgs = {
  broker: Scalars['ID']['input'];
  enabled: Scalars['Boolean']['input'];
};

/** The book's best levels, bids from the highest down, asks from the lowest up. In a DELTA only the levels that changed; a size of 0 removes the level. */
export type OrderBook = MarketData & {
  readonly __typename?: 'OrderBook';
  /** The sellers' levels, lowest price first. */
  readonly asks: ReadonlyArray<PriceLevel>;
  /** The buyers' levels, highest price first. */
  readonly bids: ReadonlyArray<PriceLevel>;
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The position of this event in its stream, opaque. Give the last one to `resume` after a break, and nothing is missing. */
  readonly cursor: Scalars['String']['output'];
  /** Whether this is the whole top of the book, or a change. */
  readonly kind: BookUpdateKind;
  /** When this gateway read it from the venue's connection, in UTC. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** The number of the event in its (broker, symbol, type) stream. A jump means that this subscriber was not sent the events in between (conflation). */
  readonly sequence: Scalars['SafeInt']['output'];
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue, in UTC; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The type of the event. */
  readonly type: MarketDataType;
};

/** Tells whether there is more before and after a page of a list. */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** The cursor of the last item; null if the page is empty. */
  readonly endCursor: Maybe<Scalars['String']['output']>;
  /** True if there are more items after this page. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** True if there are items before this page. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** The cursor of the first item; null if the page is empty. */
  readonly startCursor: Maybe<Scalars['String']['output']>;
};

/** One price of an order book. */
export type PriceLevel = {
  readonly __typename?: 'PriceLevel';
  /** The price of the level. */
  readonly price: Scalars['Decimal']['output'];
  /** The total size at this price; in a DELTA the new one, and 0 if the level is gone. */
  readonly size: Scalars['Decimal']['output'];
};

export type Query = {
  readonly __typename?: 'Query';
  /** The broker with this id; null if there is none. */
  readonly broker: Maybe<Broker>;
  /** All configured brokers. */
  readonly brokers: ReadonlyArray<Broker>;
  /** Closed candles, oldest first; the last one may still be open. */
  readonly candles: ReadonlyArray<Candle>;
  /** The instruments that a broker lists, page by page. */
  readonly instruments: InstrumentConnection;
  /** The current order book of a symbol; null if there is none. */
  readonly orderBook: Maybe<OrderBook>;
  /** The last known tick of a symbol, or else the venue's current one; null if there is none. */
  readonly tick: Maybe<Tick>;
  /** The latest trades, oldest first. */
  readonly trades: ReadonlyArray<Trade>;
};


export type QueryBrokerArgs = {
  id: Scalars['ID']['input'];
};


export type QueryCandlesArgs = {
  broker: Scalars['ID']['input'];
  from?: InputMaybe<Scalars['Timestamp']['input']>;
  interval: CandleInterval;
  limit: Scalars['Int']['input'];
  symbol: Scalars['String']['input'];
  to?: InputMaybe<Scalars['Timestamp']['input']>;
};


export type QueryInstrumentsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  broker: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  search?: InputMaybe<Scalars['String']['input']>;
};


export type QueryOrderBookArgs = {
  broker: Scalars['ID']['input'];
  depth: Scalars['Int']['input'];
  symbol: Scalars['String']['input'];
};


export type QueryTickArgs = {
  broker: Scalars['ID']['input'];
  symbol: Scalars['String']['input'];
};


export type QueryTradesArgs = {
  broker: Scalars['ID']['input'];
  limit: Scalars['Int']['input'];
  symbol: Scalars['String']['input'];
};

/** A side of the market. */
export type Side =
  /** The taker bought. */
  | 'buy'
  /** The taker sold. */
  | 'sell';

export type Subscription = {
  readonly __typename?: 'Subscription';
  /** Changes of a broker's state (of all brokers, if none is given). */
  readonly brokerStatus: Broker;
  /** Live market data in the order in which the venue sent it. Without `broker`, each symbol goes to the one enabled real broker that lists it. A synthetic broker serves only those who name it, or a gateway without an enabled real broker. */
  readonly marketData: MarketData;
  /** The same, gathered into lists: one message every `everyMs`, and none while nothing happens. */
  readonly marketDataBatch: ReadonlyArray<MarketData>;
};


export type SubscriptionBrokerStatusArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionMarketDataArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
  options?: InputMaybe<MarketDataOptions>;
  resume?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  symbols: ReadonlyArray<Scalars['String']['input']>;
  types: ReadonlyArray<MarketDataType>;
};


export type SubscriptionMarketDataBatchArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
  everyMs: Scalars['Int']['input'];
  options?: InputMaybe<MarketDataOptions>;
  resume?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  symbols: ReadonlyArray<Scalars['String']['input']>;
  types: ReadonlyArray<MarketDataType>;
};

/** Best bid and best ask. */
export type Tick = MarketData & {
  readonly __typename?: 'Tick';
  /** The lowest price that a seller accepts. */
  readonly ask: Scalars['Decimal']['output'];
  /** The size that is offered at the best ask, in units of the base asset; null if the venue does not send it. */
  readonly askSize: Maybe<Scalars['Decimal']['output']>;
  /** The highest price that a buyer offers. */
  readonly bid: Scalars['Decimal']['output'];
  /** The size that is offered at the best bid, in units of the base asset; null if the venue does not send it. */
  readonly bidSize: Maybe<Scalars['Decimal']['output']>;
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The position of this event in its stream, opaque. Give the last one to `resume` after a break, and nothing is missing. */
  readonly cursor: Scalars['String']['output'];
  /** The price of the last trade; null if the venue does not send it with its quotes. */
  readonly last: Maybe<Scalars['Decimal']['output']>;
  /** The exact middle between bid and ask. */
  readonly mid: Scalars['Decimal']['output'];
  /** When this gateway read it from the venue's connection, in UTC. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** The number of the event in its (broker, symbol, type) stream. A jump means that this subscriber was not sent the events in between (conflation). */
  readonly sequence: Scalars['SafeInt']['output'];
  /** The exact difference between ask and bid. */
  readonly spread: Scalars['Decimal']['output'];
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue, in UTC; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The type of the event. */
  readonly type: MarketDataType;
};

/** One execution. */
export type Trade = MarketData & {
  readonly __typename?: 'Trade';
  /** True if it was fetched from the venue afterwards: history, or the repair of a gap. What the gateway kept and sends again after `resume` is the event as it was. */
  readonly backfilled: Scalars['Boolean']['output'];
  /** The id of the broker that the event came through. */
  readonly broker: Scalars['ID']['output'];
  /** The position of this event in its stream, opaque. Give the last one to `resume` after a break, and nothing is missing. */
  readonly cursor: Scalars['String']['output'];
  /** The price of the execution, in the quote currency. */
  readonly price: Scalars['Decimal']['output'];
  /** When this gateway read it from the venue's connection, in UTC. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** The number of the event in its (broker, symbol, type) stream. A jump means that this subscriber was not sent the events in between (conflation). */
  readonly sequence: Scalars['SafeInt']['output'];
  /** The side of the taker. */
  readonly side: Side;
  /** The size of the execution, in units of the base asset. */
  readonly size: Scalars['Decimal']['output'];
  /** The venue's own name for the instrument, such as BTCUSDT or EUR_USD. */
  readonly symbol: Scalars['String']['output'];
  /** When it happened, according to the venue, in UTC; the time of receipt if the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  /** The venue's own id of the trade, unique for its symbol. (No event has a field `id`: normalising caches would keep every event, and mix those of two symbols.) */
  readonly tradeId: Scalars['ID']['output'];
  /** The type of the event. */
  readonly type: MarketDataType;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;


export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;





/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  BookUpdateKind: null;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  Broker: ResolverTypeWrapper<BrokerModel>;
  BrokerAuthentication: ResolverTypeWrapper<Omit<BrokerAuthentication, 'broker'> & { broker: ResolversTypes['Broker'] }>;
  BrokerCredentials: BrokerCredentials;
  BrokerState: null;
  Candle: ResolverTypeWrapper<CandleModel>;
  CandleInterval: null;
  Decimal: ResolverTypeWrapper<Scalars['Decimal']['output']>;
  FeedGap: ResolverTypeWrapper<FeedGap>;
  FeedReplay: ResolverTypeWrapper<FeedReplay>;
  FeedState: null;
  FeedStatus: ResolverTypeWrapper<FeedStatusModel>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Instrument: ResolverTypeWrapper<Instrument>;
  InstrumentConnection: ResolverTypeWrapper<InstrumentConnection>;
  InstrumentEdge: ResolverTypeWrapper<InstrumentEdge>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  LoginRenewal: ResolverTypeWrapper<LoginRenewal>;
  MarketData: ResolverTypeWrapper<MarketDataModel>;
  MarketDataOptions: MarketDataOptions;
  MarketDataType: null;
  MockFaultKind: null;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  OrderBook: ResolverTypeWrapper<OrderBookModel>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  PriceLevel: ResolverTypeWrapper<PriceLevel>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  SafeInt: ResolverTypeWrapper<Scalars['SafeInt']['output']>;
  Side: null;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Tick: ResolverTypeWrapper<TickModel>;
  Timestamp: ResolverTypeWrapper<Scalars['Timestamp']['output']>;
  Trade: ResolverTypeWrapper<TradeModel>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  Boolean: Scalars['Boolean']['output'];
  Broker: BrokerModel;
  BrokerAuthentication: Omit<BrokerAuthentication, 'broker'> & { broker: ResolversParentTypes['Broker'] };
  BrokerCredentials: BrokerCredentials;
  Candle: CandleModel;
  Decimal: Scalars['Decimal']['output'];
  FeedGap: FeedGap;
  FeedReplay: FeedReplay;
  FeedStatus: FeedStatusModel;
  ID: Scalars['ID']['output'];
  Instrument: Instrument;
  InstrumentConnection: InstrumentConnection;
  InstrumentEdge: InstrumentEdge;
  Int: Scalars['Int']['output'];
  LoginRenewal: LoginRenewal;
  MarketData: MarketDataModel;
  MarketDataOptions: MarketDataOptions;
  Mutation: Record<PropertyKey, never>;
  OrderBook: OrderBookModel;
  PageInfo: PageInfo;
  PriceLevel: PriceLevel;
  Query: Record<PropertyKey, never>;
  SafeInt: Scalars['SafeInt']['output'];
  String: Scalars['String']['output'];
  Subscription: Record<PropertyKey, never>;
  Tick: TickModel;
  Timestamp: Scalars['Timestamp']['output'];
  Trade: TradeModel;
};

export type ListSizeDirectiveArgs = {
  assumedSize?: Maybe<Scalars['Int']['input']>;
  maxSize?: Maybe<Scalars['Int']['input']>;
  sizedFields?: Maybe<ReadonlyArray<Scalars['String']['input']>>;
  slicingArguments?: Maybe<ReadonlyArray<Scalars['String']['input']>>;
};

export type ListSizeDirectiveResolver<Result, Parent, ContextType = GraphqlContext, Args = ListSizeDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type BookUpdateKindResolvers = { DELTA: 'delta', SNAPSHOT: 'snapshot' };

export type BrokerResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Broker'] = ResolversParentTypes['Broker']> = {
  authenticated?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  enabled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  lastMessageAt?: Resolver<Maybe<ResolversTypes['Timestamp']>, ParentType, ContextType>;
  reason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  requiresAuthentication?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  state?: Resolver<ResolversTypes['BrokerState'], ParentType, ContextType>;
  supportedTypes?: Resolver<ReadonlyArray<ResolversTypes['MarketDataType']>, ParentType, ContextType>;
  synthetic?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type BrokerAuthenticationResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['BrokerAuthentication'] = ResolversParentTypes['BrokerAuthentication']> = {
  broker?: Resolver<ResolversTypes['Broker'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type BrokerStateResolvers = { CONNECTED: 'connected', CONNECTING: 'connecting', DEGRADED: 'degraded', DISABLED: 'disabled', DISCONNECTED: 'disconnected' };

export type CandleResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Candle'] = ResolversParentTypes['Candle']> = {
  backfilled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  close?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  closeTime?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  closed?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  high?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  interval?: Resolver<ResolversTypes['CandleInterval'], ParentType, ContextType>;
  low?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  open?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  openTime?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  tradeCount?: Resolver<Maybe<ResolversTypes['SafeInt']>, ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
  volume?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CandleIntervalResolvers = { FIFTEEN_MINUTES: '15m', FIVE_MINUTES: '5m', FIVE_SECONDS: '5s', FOUR_HOURS: '4h', ONE_DAY: '1d', ONE_HOUR: '1h', ONE_MINUTE: '1m', ONE_SECOND: '1s' };

export interface DecimalScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Decimal'], any> {
  name: 'Decimal';
}

export type FeedGapResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['FeedGap'] = ResolversParentTypes['FeedGap']> = {
  from?: Resolver<Maybe<ResolversTypes['Timestamp']>, ParentType, ContextType>;
  to?: Resolver<Maybe<ResolversTypes['Timestamp']>, ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
};

export type FeedReplayResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['FeedReplay'] = ResolversParentTypes['FeedReplay']> = {
  complete?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  events?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  recovered?: Resolver<Maybe<ResolversTypes['Boolean']>, ParentType, ContextType>;
};

export type FeedStateResolvers = { CLOSED: 'closed', LIVE: 'live', RECOVERING: 'recovering', STALE: 'stale' };

export type FeedStatusResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['FeedStatus'] = ResolversParentTypes['FeedStatus']> = {
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  gap?: Resolver<Maybe<ResolversTypes['FeedGap']>, ParentType, ContextType>;
  reason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  replay?: Resolver<Maybe<ResolversTypes['FeedReplay']>, ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  since?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  state?: Resolver<ResolversTypes['FeedState'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type InstrumentResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Instrument'] = ResolversParentTypes['Instrument']> = {
  base?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  displayName?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  lotSize?: Resolver<Maybe<ResolversTypes['Decimal']>, ParentType, ContextType>;
  quote?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  tickSize?: Resolver<Maybe<ResolversTypes['Decimal']>, ParentType, ContextType>;
  tradable?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type InstrumentConnectionResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['InstrumentConnection'] = ResolversParentTypes['InstrumentConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['InstrumentEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  totalCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type InstrumentEdgeResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['InstrumentEdge'] = ResolversParentTypes['InstrumentEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Instrument'], ParentType, ContextType>;
};

export type LoginRenewalResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['LoginRenewal'] = ResolversParentTypes['LoginRenewal']> = {
  expiresAt?: Resolver<Maybe<ResolversTypes['Timestamp']>, ParentType, ContextType>;
};

export type MarketDataResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['MarketData'] = ResolversParentTypes['MarketData']> = {
  __resolveType: TypeResolveFn<'Candle' | 'FeedStatus' | 'OrderBook' | 'Tick' | 'Trade', ParentType, ContextType>;
};

export type MarketDataTypeResolvers = { CANDLE: 'candle', ORDERBOOK: 'orderbook', STATUS: 'status', TICK: 'tick', TRADE: 'trade' };

export type MockFaultKindResolvers = { CROSSED_BOOK: 'crossedBook', DISCONNECT: 'disconnect', DUPLICATE: 'duplicate', GAP: 'gap', HALT: 'halt', OUT_OF_ORDER: 'outOfOrder', SILENCE: 'silence' };

export type MutationResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  authenticateBroker?: Resolver<ResolversTypes['BrokerAuthentication'], ParentType, ContextType, RequireFields<MutationAuthenticateBrokerArgs, 'broker' | 'credentials'>>;
  deauthenticateBroker?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType, RequireFields<MutationDeauthenticateBrokerArgs, 'broker'>>;
  provokeFault?: Resolver<ResolversTypes['Broker'], ParentType, ContextType, RequireFields<MutationProvokeFaultArgs, 'broker' | 'kind'>>;
  renewLogin?: Resolver<ResolversTypes['LoginRenewal'], ParentType, ContextType, RequireFields<MutationRenewLoginArgs, 'token'>>;
  setBrokerEnabled?: Resolver<ResolversTypes['Broker'], ParentType, ContextType, RequireFields<MutationSetBrokerEnabledArgs, 'broker' | 'enabled'>>;
};

export type OrderBookResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['OrderBook'] = ResolversParentTypes['OrderBook']> = {
  asks?: Resolver<ReadonlyArray<ResolversTypes['PriceLevel']>, ParentType, ContextType>;
  bids?: Resolver<ReadonlyArray<ResolversTypes['PriceLevel']>, ParentType, ContextType>;
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['BookUpdateKind'], ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type PriceLevelResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['PriceLevel'] = ResolversParentTypes['PriceLevel']> = {
  price?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  size?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
};

export type QueryResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  broker?: Resolver<Maybe<ResolversTypes['Broker']>, ParentType, ContextType, RequireFields<QueryBrokerArgs, 'id'>>;
  brokers?: Resolver<ReadonlyArray<ResolversTypes['Broker']>, ParentType, ContextType>;
  candles?: Resolver<ReadonlyArray<ResolversTypes['Candle']>, ParentType, ContextType, RequireFields<QueryCandlesArgs, 'broker' | 'interval' | 'limit' | 'symbol'>>;
  instruments?: Resolver<ResolversTypes['InstrumentConnection'], ParentType, ContextType, RequireFields<QueryInstrumentsArgs, 'broker' | 'first'>>;
  orderBook?: Resolver<Maybe<ResolversTypes['OrderBook']>, ParentType, ContextType, RequireFields<QueryOrderBookArgs, 'broker' | 'depth' | 'symbol'>>;
  tick?: Resolver<Maybe<ResolversTypes['Tick']>, ParentType, ContextType, RequireFields<QueryTickArgs, 'broker' | 'symbol'>>;
  trades?: Resolver<ReadonlyArray<ResolversTypes['Trade']>, ParentType, ContextType, RequireFields<QueryTradesArgs, 'broker' | 'limit' | 'symbol'>>;
};

export interface SafeIntScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['SafeInt'], any> {
  name: 'SafeInt';
}

export type SideResolvers = { BUY: 'buy', SELL: 'sell' };

export type SubscriptionResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  brokerStatus?: SubscriptionResolver<ResolversTypes['Broker'], "brokerStatus", ParentType, ContextType, Partial<SubscriptionBrokerStatusArgs>>;
  marketData?: SubscriptionResolver<ResolversTypes['MarketData'], "marketData", ParentType, ContextType, RequireFields<SubscriptionMarketDataArgs, 'symbols' | 'types'>>;
  marketDataBatch?: SubscriptionResolver<ReadonlyArray<ResolversTypes['MarketData']>, "marketDataBatch", ParentType, ContextType, RequireFields<SubscriptionMarketDataBatchArgs, 'everyMs' | 'symbols' | 'types'>>;
};

export type TickResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Tick'] = ResolversParentTypes['Tick']> = {
  ask?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  askSize?: Resolver<Maybe<ResolversTypes['Decimal']>, ParentType, ContextType>;
  bid?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  bidSize?: Resolver<Maybe<ResolversTypes['Decimal']>, ParentType, ContextType>;
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  last?: Resolver<Maybe<ResolversTypes['Decimal']>, ParentType, ContextType>;
  mid?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  spread?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export interface TimestampScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Timestamp'], any> {
  name: 'Timestamp';
}

export type TradeResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Trade'] = ResolversParentTypes['Trade']> = {
  backfilled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  price?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  side?: Resolver<ResolversTypes['Side'], ParentType, ContextType>;
  size?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  tradeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['MarketDataType'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type Resolvers<ContextType = GraphqlContext> = {
  BookUpdateKind?: BookUpdateKindResolvers;
  Broker?: BrokerResolvers<ContextType>;
  BrokerAuthentication?: BrokerAuthenticationResolvers<ContextType>;
  BrokerState?: BrokerStateResolvers;
  Candle?: CandleResolvers<ContextType>;
  CandleInterval?: CandleIntervalResolvers;
  Decimal?: GraphQLScalarType;
  FeedGap?: FeedGapResolvers<ContextType>;
  FeedReplay?: FeedReplayResolvers<ContextType>;
  FeedState?: FeedStateResolvers;
  FeedStatus?: FeedStatusResolvers<ContextType>;
  Instrument?: InstrumentResolvers<ContextType>;
  InstrumentConnection?: InstrumentConnectionResolvers<ContextType>;
  InstrumentEdge?: InstrumentEdgeResolvers<ContextType>;
  LoginRenewal?: LoginRenewalResolvers<ContextType>;
  MarketData?: MarketDataResolvers<ContextType>;
  MarketDataType?: MarketDataTypeResolvers;
  MockFaultKind?: MockFaultKindResolvers;
  Mutation?: MutationResolvers<ContextType>;
  OrderBook?: OrderBookResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  PriceLevel?: PriceLevelResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  SafeInt?: GraphQLScalarType;
  Side?: SideResolvers;
  Subscription?: SubscriptionResolvers<ContextType>;
  Tick?: TickResolvers<ContextType>;
  Timestamp?: GraphQLScalarType;
  Trade?: TradeResolvers<ContextType>;
};

export type DirectiveResolvers<ContextType = GraphqlContext> = {
  listSize?: ListSizeDirectiveResolver<any, any, ContextType>;
};

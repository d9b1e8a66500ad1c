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
  /** An exact decimal number in plain notation (no exponent), carried as a JSON string so that no digit is lost. */
  Decimal: { input: Decimal; output: Decimal; }
  /** A whole number from 0 to 2^53-1, carried as a JSON number. */
  SafeInt: { input: number; output: number; }
  /** An instant in UTC, RFC 3339, as fine as its source gives it (up to nanoseconds): 2026-11-23T07:30:04.123456Z. */
  Timestamp: { input: Timestamp; output: Timestamp; }
};

export type BookUpdateKind =
  | 'delta'
  | 'snapshot';

export type Broker = {
  readonly __typename?: 'Broker';
  /** True where the asking client has given working credentials. */
  readonly authenticated: Scalars['Boolean']['output'];
  readonly enabled: Scalars['Boolean']['output'];
  readonly id: Scalars['ID']['output'];
  /** binance, oanda, mock-binance, mock-oanda, … */
  readonly kind: Scalars['String']['output'];
  readonly lastMessageAt: Maybe<Scalars['Timestamp']['output']>;
  readonly reason: Maybe<Scalars['String']['output']>;
  /** True where market data flows only to clients that gave this broker their own credentials. */
  readonly requiresAuthentication: Scalars['Boolean']['output'];
  readonly state: BrokerState;
  readonly supportedTypes: ReadonlyArray<MarketDataType>;
  /** True where the data is made up (the mock brokers). */
  readonly synthetic: Scalars['Boolean']['output'];
};

export type BrokerAuthentication = {
  readonly __typename?: 'BrokerAuthentication';
  readonly broker: Broker;
  readonly expiresAt: Scalars['Timestamp']['output'];
  /** Opaque and secret. A client whose mutation went over HTTP hands it to its socket as connectionParams.session (raw path: the auth action), and to HTTP as the header x-session. */
  readonly session: Scalars['String']['output'];
};

export type BrokerCredentials = {
  readonly accountId?: InputMaybe<Scalars['String']['input']>;
  readonly apiKey?: InputMaybe<Scalars['String']['input']>;
  readonly apiSecret?: InputMaybe<Scalars['String']['input']>;
  readonly token?: InputMaybe<Scalars['String']['input']>;
};

export type BrokerState =
  | 'connected'
  | 'connecting'
  | 'degraded'
  | 'disabled'
  | 'disconnected';

/** Open, high, low and close over one interval. While `closed` is false the same candle is sent again as it grows. */
export type Candle = MarketData & {
  readonly __typename?: 'Candle';
  readonly broker: Scalars['ID']['output'];
  readonly close: Scalars['Decimal']['output'];
  /** The first instant after the candle. */
  readonly closeTime: Scalars['Timestamp']['output'];
  readonly closed: Scalars['Boolean']['output'];
  readonly cursor: Scalars['String']['output'];
  readonly high: Scalars['Decimal']['output'];
  readonly interval: CandleInterval;
  readonly low: Scalars['Decimal']['output'];
  readonly open: Scalars['Decimal']['output'];
  readonly openTime: Scalars['Timestamp']['output'];
  readonly receivedAt: Scalars['Timestamp']['output'];
  readonly sequence: Scalars['SafeInt']['output'];
  readonly symbol: Scalars['String']['output'];
  readonly time: Scalars['Timestamp']['output'];
  readonly tradeCount: Maybe<Scalars['SafeInt']['output']>;
  readonly type: MarketDataType;
  /** Base-asset volume; for venues that report ticks instead of volume, the number of ticks. */
  readonly volume: Scalars['Decimal']['output'];
};

export type CandleInterval =
  | '15m'
  | '5m'
  | '5s'
  | '4h'
  | '1d'
  | '1h'
  | '1m'
  | '1s';

export type FeedState =
  | 'closed'
  | 'live'
  | 'recovering'
  | 'stale';

/** What a subscriber must know of the feed itself: sent only to those who ask for STATUS. */
export type FeedStatus = MarketData & {
  readonly __typename?: 'FeedStatus';
  readonly broker: Scalars['ID']['output'];
  readonly cursor: Scalars['String']['output'];
  /** A short sentence for a person. */
  readonly reason: Maybe<Scalars['String']['output']>;
  readonly receivedAt: Scalars['Timestamp']['output'];
  readonly sequence: Scalars['SafeInt']['output'];
  readonly state: FeedState;
  readonly symbol: Scalars['String']['output'];
  readonly time: Scalars['Timestamp']['output'];
  readonly type: MarketDataType;
};

export type Instrument = {
  readonly __typename?: 'Instrument';
  readonly base: Maybe<Scalars['String']['output']>;
  readonly broker: Scalars['ID']['output'];
  readonly displayName: Scalars['String']['output'];
  /** The smallest step of a size. */
  readonly lotSize: Maybe<Scalars['Decimal']['output']>;
  readonly quote: Maybe<Scalars['String']['output']>;
  readonly symbol: Scalars['String']['output'];
  /** The smallest step of a price. */
  readonly tickSize: Maybe<Scalars['Decimal']['output']>;
  readonly tradable: Scalars['Boolean']['output'];
};

export type InstrumentConnection = {
  readonly __typename?: 'InstrumentConnection';
  readonly edges: ReadonlyArray<InstrumentEdge>;
  readonly pageInfo: PageInfo;
  readonly totalCount: Scalars['Int']['output'];
};

export type InstrumentEdge = {
  readonly __typename?: 'InstrumentEdge';
  readonly cursor: Scalars['String']['output'];
  readonly node: Instrument;
};

export type LoginRenewal = {
  readonly __typename?: 'LoginRenewal';
  /** When it ends now; null where it does not end by itself. */
  readonly expiresAt: Maybe<Scalars['Timestamp']['output']>;
};

/** What every event has. Fields that only some events have are on the types that implement this. */
export type MarketData = {
  readonly broker: Scalars['ID']['output'];
  /** Where this event stands: opaque, and different in each life of the stream (`sequence` starts anew with it). */
  readonly cursor: Scalars['String']['output'];
  /** When this gateway read it off the venue's connection. */
  readonly receivedAt: Scalars['Timestamp']['output'];
  /** Counts the events of one (broker, symbol, type) stream by one, from the stream's start. A jump means that this subscriber was not sent what lies between (conflation), never that something was lost unnoticed. */
  readonly sequence: Scalars['SafeInt']['output'];
  readonly symbol: Scalars['String']['output'];
  /** When the venue says that it happened; the time of receipt where the venue does not say. */
  readonly time: Scalars['Timestamp']['output'];
  readonly type: MarketDataType;
};

export type MarketDataOptions = {
  /** SNAPSHOT: every book event is the whole top of the book. DELTA: one SNAPSHOT, then changes only. */
  readonly book: BookUpdateKind;
  /** Levels a side of an order book, 1 to 1000. */
  readonly depth: Scalars['Int']['input'];
  /** Of candles. */
  readonly interval: CandleInterval;
  /** Begin with the last known tick, candle and book of each symbol. */
  readonly snapshot: Scalars['Boolean']['input'];
  /** At most one event each so many milliseconds for each (symbol, type), always the latest; trades are never dropped. 0: every event. */
  readonly throttleMs: Scalars['Int']['input'];
};

export type MarketDataType =
  | 'candle'
  | 'orderbook'
  | 'status'
  | 'tick'
  | 'trade';

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Gives a broker this client's own credentials. They are checked with the venue before this answers. */
  readonly authenticateBroker: BrokerAuthentication;
  /** Forgets them, and closes what was opened with them. */
  readonly deauthenticateBroker: Scalars['Boolean']['output'];
  /** Before the login that a socket was opened with ends: takes a newer token of the same client in its place. Only over WebSocket. */
  readonly renewLogin: LoginRenewal;
  /** For administrators: takes a broker in or out of service without a restart. */
  readonly setBrokerEnabled: Broker;
};


export type MutationAuthenticateBrokerArgs = {
  broker: Scalars['ID']['input'];
  credentials: BrokerCredentials;
};


export type MutationDeauthenticateBrokerArgs = {
  broker: Scalars['ID']['input'];
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
  readonly asks: ReadonlyArray<PriceLevel>;
  readonly bids: ReadonlyArray<PriceLevel>;
  readonly broker: Scalars['ID']['output'];
  readonly cursor: Scalars['String']['output'];
  readonly kind: BookUpdateKind;
  readonly receivedAt: Scalars['Timestamp']['output'];
  readonly sequence: Scalars['SafeInt']['output'];
  readonly symbol: Scalars['String']['output'];
  readonly time: Scalars['Timestamp']['output'];
  readonly type: MarketDataType;
};

export type PageInfo = {
  readonly __typename?: 'PageInfo';
  readonly endCursor: Maybe<Scalars['String']['output']>;
  readonly hasNextPage: Scalars['Boolean']['output'];
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  readonly startCursor: Maybe<Scalars['String']['output']>;
};

export type PriceLevel = {
  readonly __typename?: 'PriceLevel';
  readonly price: Scalars['Decimal']['output'];
  readonly size: Scalars['Decimal']['output'];
};

export type Query = {
  readonly __typename?: 'Query';
  readonly broker: Maybe<Broker>;
  readonly brokers: ReadonlyArray<Broker>;
  /** Closed candles, oldest first, and last the one still open. */
  readonly candles: ReadonlyArray<Candle>;
  readonly instruments: InstrumentConnection;
  readonly orderBook: Maybe<OrderBook>;
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

export type Side =
  | 'buy'
  | 'sell';

export type Subscription = {
  readonly __typename?: 'Subscription';
  /** Changes of a broker's state (all brokers', where none is named). */
  readonly brokerStatus: Broker;
  /** Live market data in the order in which the venue sent it. Without `broker`, each symbol goes to the one enabled broker that lists it, real brokers before synthetic ones. */
  readonly marketData: MarketData;
  /** The same, gathered into lists: one message each `everyMs`, none while nothing happened. */
  readonly marketDataBatch: ReadonlyArray<MarketData>;
};


export type SubscriptionBrokerStatusArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionMarketDataArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
  options?: InputMaybe<MarketDataOptions>;
  symbols: ReadonlyArray<Scalars['String']['input']>;
  types: ReadonlyArray<MarketDataType>;
};


export type SubscriptionMarketDataBatchArgs = {
  broker?: InputMaybe<Scalars['ID']['input']>;
  everyMs: Scalars['Int']['input'];
  options?: InputMaybe<MarketDataOptions>;
  symbols: ReadonlyArray<Scalars['String']['input']>;
  types: ReadonlyArray<MarketDataType>;
};

/** Best bid and best ask. */
export type Tick = MarketData & {
  readonly __typename?: 'Tick';
  readonly ask: Scalars['Decimal']['output'];
  readonly askSize: Maybe<Scalars['Decimal']['output']>;
  readonly bid: Scalars['Decimal']['output'];
  readonly bidSize: Maybe<Scalars['Decimal']['output']>;
  readonly broker: Scalars['ID']['output'];
  readonly cursor: Scalars['String']['output'];
  /** Price of the last trade, where the venue sends it. */
  readonly last: Maybe<Scalars['Decimal']['output']>;
  readonly mid: Scalars['Decimal']['output'];
  readonly receivedAt: Scalars['Timestamp']['output'];
  readonly sequence: Scalars['SafeInt']['output'];
  readonly spread: Scalars['Decimal']['output'];
  readonly symbol: Scalars['String']['output'];
  readonly time: Scalars['Timestamp']['output'];
  readonly type: MarketDataType;
};

/** One execution. */
export type Trade = MarketData & {
  readonly __typename?: 'Trade';
  readonly broker: Scalars['ID']['output'];
  readonly cursor: Scalars['String']['output'];
  /** The venue's own id of the trade. */
  readonly id: Scalars['ID']['output'];
  readonly price: Scalars['Decimal']['output'];
  readonly receivedAt: Scalars['Timestamp']['output'];
  readonly sequence: Scalars['SafeInt']['output'];
  /** The side of the taker. */
  readonly side: Side;
  readonly size: Scalars['Decimal']['output'];
  readonly symbol: Scalars['String']['output'];
  readonly time: Scalars['Timestamp']['output'];
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

export type FeedStateResolvers = { CLOSED: 'closed', LIVE: 'live', RECOVERING: 'recovering', STALE: 'stale' };

export type FeedStatusResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['FeedStatus'] = ResolversParentTypes['FeedStatus']> = {
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  reason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
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

export type MutationResolvers<ContextType = GraphqlContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  authenticateBroker?: Resolver<ResolversTypes['BrokerAuthentication'], ParentType, ContextType, RequireFields<MutationAuthenticateBrokerArgs, 'broker' | 'credentials'>>;
  deauthenticateBroker?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType, RequireFields<MutationDeauthenticateBrokerArgs, 'broker'>>;
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
  broker?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  price?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  receivedAt?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
  sequence?: Resolver<ResolversTypes['SafeInt'], ParentType, ContextType>;
  side?: Resolver<ResolversTypes['Side'], ParentType, ContextType>;
  size?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  symbol?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  time?: Resolver<ResolversTypes['Timestamp'], ParentType, ContextType>;
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
  FeedState?: FeedStateResolvers;
  FeedStatus?: FeedStatusResolvers<ContextType>;
  Instrument?: InstrumentResolvers<ContextType>;
  InstrumentConnection?: InstrumentConnectionResolvers<ContextType>;
  InstrumentEdge?: InstrumentEdgeResolvers<ContextType>;
  LoginRenewal?: LoginRenewalResolvers<ContextType>;
  MarketData?: MarketDataResolvers<ContextType>;
  MarketDataType?: MarketDataTypeResolvers;
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

/** The events of a subscription, with all that they have. */
export const MARKET_DATA = `subscription MarketData(
  $broker: ID!, $symbols: [String!]!, $types: [MarketDataType!]!, $options: MarketDataOptions!, $resume: [String!]
) {
  marketData(broker: $broker, symbols: $symbols, types: $types, options: $options, resume: $resume) {
    __typename broker symbol type time receivedAt sequence cursor
    ... on Tick { bid bidSize ask askSize last mid spread }
    ... on Trade { tradeId price size side backfilled }
    ... on Candle { interval openTime closeTime open high low close volume tradeCount closed backfilled }
    ... on OrderBook { kind bids { price size } asks { price size } }
    ... on FeedStatus { state reason since gap { type from to } replay { recovered events complete } }
  }
}`;

export const BROKERS = `{ brokers { id kind synthetic supportedTypes requiresAuthentication } }`;

/** One page of a broker's instruments that have the text in a name. */
export const INSTRUMENTS = `query Instruments($broker: ID!, $search: String!, $after: String) {
  instruments(broker: $broker, search: $search, first: 500, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { symbol displayName base quote tickSize lotSize tradable } }
  }
}`;

export const AUTHENTICATE = `mutation Authenticate($broker: ID!, $credentials: BrokerCredentials!) {
  authenticateBroker(broker: $broker, credentials: $credentials) { expiresAt }
}`;

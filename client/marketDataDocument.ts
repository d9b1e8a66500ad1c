/** The events of a subscription, with everything that they have. */
export const MARKET_DATA = `subscription MarketData(
  $broker: ID, $symbols: [String!]!, $types: [MarketDataType!]! = [TICK], $options: MarketDataOptions, $resume: [String!]
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

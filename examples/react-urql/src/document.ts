/**
 * Ticks, trades and the state of the feeds, gathered into one list every 100 milliseconds: React renders once for each list, not
 * once for each event.
 */
export const MARKET = `
  subscription Market($symbols: [String!]!) {
    marketDataBatch(
      broker: "mock-binance"
      symbols: $symbols
      types: [TICK, TRADE, STATUS]
      options: { history: 20 }
      everyMs: 100
    ) {
      __typename
      symbol
      time
      cursor
      ... on Tick {
        bid
        ask
        spread
      }
      ... on Trade {
        tradeId
        price
        size
        side
      }
      ... on FeedStatus {
        state
        reason
        since
        gap { type from to }
        replay { recovered events complete }
      }
    }
  }
`;

/** The broker and the symbol of the operations that GraphiQL opens with. The page replaces them if it finds better ones. */
export const DEFAULT_FEED = { broker: 'mock-binance', symbol: 'BTCUSDT' };

const HOW_TO = `# Run it with the button, or Ctrl+Enter.
# { brokers { id } } names other brokers.`;

/** GraphiQL opens with these operations, one in each tab. Each gives data at once. */
export const TABS: readonly string[] = [
  `# Best bid and ask, and the feed's state.
${HOW_TO}
subscription Ticks {
  marketData(
    broker: "mock-binance"
    symbols: ["BTCUSDT"]
    types: [TICK, STATUS]
  ) {
    symbol
    time
    ... on Tick {
      bid
      ask
      spread
    }
    ... on FeedStatus {
      state
      reason
    }
  }
}
`,
  `# The order book's five best levels.
${HOW_TO}
subscription Book {
  marketData(
    broker: "mock-binance"
    symbols: ["BTCUSDT"]
    types: [ORDERBOOK]
    options: { depth: 5, throttleMs: 500 }
  ) {
    symbol
    time
    ... on OrderBook {
      bids {
        price
        size
      }
      asks {
        price
        size
      }
    }
  }
}
`,
  `# Five past candles, then the growing one.
${HOW_TO}
subscription Candles {
  marketData(
    broker: "mock-binance"
    symbols: ["BTCUSDT"]
    types: [CANDLE]
    options: { interval: ONE_MINUTE, history: 5 }
  ) {
    ... on Candle {
      openTime
      open
      high
      low
      close
      volume
      closed
    }
  }
}
`,
];

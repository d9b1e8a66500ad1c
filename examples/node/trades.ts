// Every trade of a symbol, exactly once, with a document of one's own: stop the gateway's network, and nothing is missing.
import type { FeedStatus, Trade } from 'tickgraph/client';
import { connectToGateway } from './gateway.ts';

const TRADES = `subscription Trades($symbols: [String!]!) {
  marketData(broker: "mock-binance", symbols: $symbols, types: [TRADE, STATUS], options: { history: 10 }) {
    __typename symbol time
    ... on Trade { tradeId price size side }
    ... on FeedStatus { state reason gap { type from to } }
  }
}`;

// One type for each fragment of the document. A code generator can write them.
type Event =
  | Pick<Trade, '__typename' | 'symbol' | 'time' | 'tradeId' | 'price' | 'size' | 'side'>
  | Pick<FeedStatus, '__typename' | 'symbol' | 'time' | 'state' | 'reason' | 'gap'>;

const client = connectToGateway();
process.once('SIGINT', () => void client.dispose());

const results = client.iterate<{ marketData: Event }>({ query: TRADES, variables: { symbols: ['BTCUSDT'] } });
try {
  for await (const { data } of results) if (data) show(data.marketData);
} catch (problem) {
  // Not the network, which is tried again: the gateway refuses the subscription, or has ended it.
  console.error('the subscription ended:', problem);
  process.exitCode = 1;
}

function show(event: Event): void {
  if (event.__typename === 'Trade') {
    console.log(`${event.time} ${event.symbol} ${event.tradeId} ${event.side} ${event.size} at ${event.price}`);
  } else if (event.gap !== null) {
    console.log(`${event.symbol} has lost ${event.gap.type} from ${event.gap.from} to ${event.gap.to}`);
  } else {
    console.log(`${event.symbol} is ${event.state}${event.reason === null ? '' : `: ${event.reason}`}`);
  }
}

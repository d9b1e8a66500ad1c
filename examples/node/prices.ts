// The prices of two symbols with the state of their feeds, by `subscribeMarketData`: no GraphQL document, all fields typed.
import { subscribeMarketData } from 'tickgraph/client';
import type { FeedStatus, MarketData } from 'tickgraph/client';
import { connectToGateway } from './gateway.ts';

const client = connectToGateway();

const unsubscribe = subscribeMarketData(
  client,
  { broker: 'mock-binance', symbols: ['BTCUSDT', 'ETHUSDT'], types: ['TICK', 'STATUS'], options: { throttleMs: 500 } },
  {
    next: show,
    error: (problem) => {
      console.error('the subscription ended:', problem);
      process.exitCode = 1;
      void client.dispose();
    },
    complete: () => void client.dispose(),
  },
);
process.once('SIGINT', unsubscribe);

function show(event: MarketData): void {
  switch (event.__typename) {
    case 'Tick':
      // Prices are exact decimals as text. As JavaScript numbers they would lose digits.
      console.log(`${event.time} ${event.symbol} bid ${event.bid} ask ${event.ask} spread ${event.spread}`);
      break;
    case 'FeedStatus':
      showStatus(event);
      break;
    case 'Trade':
    case 'Candle':
    case 'OrderBook':
      break; // They were not asked for.
  }
}

function showStatus({ since, symbol, state, reason, replay }: FeedStatus): void {
  console.log(`${since} ${symbol} is ${state}${reason === null ? '' : `: ${reason}`}`);
  if (replay?.recovered === false) console.log(`${symbol} was away for too long to go on where it was`);
}

import type { MarketDataResolvers } from '../generated.ts';

const TYPE_NAMES = {
  tick: 'Tick',
  trade: 'Trade',
  candle: 'Candle',
  orderbook: 'OrderBook',
  status: 'FeedStatus',
} as const;

export const marketData: MarketDataResolvers = {
  __resolveType: (event) => TYPE_NAMES[event.type],
};

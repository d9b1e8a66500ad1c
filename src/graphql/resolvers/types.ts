import type { BrokerResolvers, MarketDataResolvers } from '../generated.ts';

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

export const broker: BrokerResolvers = {
  // This version keeps no credentials of clients, so nobody has given working ones.
  authenticated: () => false,
};

import type { MarketData } from '../../market/marketData.ts';

const TYPE_NAMES = {
  tick: 'Tick',
  trade: 'Trade',
  candle: 'Candle',
  orderbook: 'OrderBook',
  status: 'FeedStatus',
} as const;

export function typeNameOf(event: Pick<MarketData, 'type'>): (typeof TYPE_NAMES)[MarketData['type']] {
  return TYPE_NAMES[event.type];
}

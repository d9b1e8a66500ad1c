import type { MarketData } from '../../market/marketData.ts';
import type { MarketDataResolvers } from '../generated.ts';

/** The value that a subscription's executor passes to the field's resolver. */
interface EventSource {
  readonly event: MarketData;
}

/** Resolves `Subscription.marketData`. */
export function eventOf({ event }: EventSource): MarketData {
  return event;
}

/** Resolves `Subscription.marketDataBatch`. */
export function eventsOf(sources: readonly EventSource[]): MarketData[] {
  return sources.map(eventOf);
}

const TYPE_NAMES = {
  tick: 'Tick',
  trade: 'Trade',
  candle: 'Candle',
  orderbook: 'OrderBook',
  status: 'FeedStatus',
} as const;

/** The name of the GraphQL type that an event has. */
export function typeNameOf(event: Pick<MarketData, 'type'>): (typeof TYPE_NAMES)[MarketData['type']] {
  return TYPE_NAMES[event.type];
}

/** Resolves the interface `MarketData`. */
export const marketData: MarketDataResolvers = {
  __resolveType: typeNameOf,
};

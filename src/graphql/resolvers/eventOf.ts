import type { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import type { InstrumentConnectionResolvers, MarketDataResolvers } from '../generated.ts';
import { inSlices, turnOf } from '../slices.ts';
import type { MarketData } from '../../market/marketData.ts';

type Told = Pick<SharedEvent, 'event'>;

export function eventOf({ event }: Told): MarketData {
  return event;
}

export function eventsOf(told: readonly Told[]): MarketData[] {
  return told.map(eventOf);
}

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

export const marketData: MarketDataResolvers = {
  __resolveType: typeNameOf,
};

export const instrumentConnection: InstrumentConnectionResolvers = {
  edges: ({ edges }, _args, context) => inSlices(edges, () => turnOf(context)),
};

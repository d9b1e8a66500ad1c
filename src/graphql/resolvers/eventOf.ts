import type { Emission } from '../../fanout/Emission.ts';
import type { MarketData } from '../../market/marketData.ts';

type Told = Pick<Emission, 'event'>;

export function eventOf({ event }: Told): MarketData {
  return event;
}

export function eventsOf(told: readonly Told[]): MarketData[] {
  return told.map(eventOf);
}

import type { DeliveryMeter } from '../../fanout/DeliveryMeter.ts';
import { Emission } from '../../fanout/Emission.ts';
import type { MarketData } from '../../market/marketData.ts';

type Told = Pick<Emission, 'event'>;

/** Who is told. Of a shape that is shared there is the event alone, and nobody in particular. */
type Hearer = { readonly meter: DeliveryMeter } | undefined;

export function eventOf(told: Told, _args: unknown, hearer: Hearer): MarketData {
  if (hearer !== undefined && told instanceof Emission) hearer.meter.told(told);
  return told.event;
}

export function eventsOf(told: readonly Told[], args: unknown, hearer: Hearer): MarketData[] {
  return told.map((each) => eventOf(each, args, hearer));
}

import { parsePrice } from '../../../../src/brokers/oanda/streamMessages.ts';
import type { VenuePrice } from '../../../../src/brokers/oanda/streamMessages.ts';

type Side = readonly (readonly [price: string, size: string | null])[];

/** A price as the venue's parser makes it. */
export function priceOf({
  instrument = 'EUR_USD',
  time = '2026-01-02T03:04:05.000000000Z',
  bids = [['1.08445', '1000000']],
  asks = [['1.08459', '1000000']],
  tradeable = true,
}: {
  readonly instrument?: string;
  readonly time?: string;
  readonly bids?: Side;
  readonly asks?: Side;
  readonly tradeable?: boolean;
} = {}): VenuePrice {
  const ladder = (side: Side): object[] => side.map(([price, liquidity]) => ({ price, liquidity }));
  const price = parsePrice({ instrument, time, bids: ladder(bids), asks: ladder(asks), tradeable });
  if (price === undefined) throw new Error('no price of the venue');
  return price;
}

import type { InstrumentConnectionResolvers, MarketDataResolvers } from '../generated.ts';
import { inSlices, turnOf } from '../slices.ts';
import { typeNameOf } from './typeNameOf.ts';

export const marketData: MarketDataResolvers = {
  __resolveType: typeNameOf,
};

export const instrumentConnection: InstrumentConnectionResolvers = {
  edges: ({ edges }, _args, context) => inSlices(edges, () => turnOf(context)),
};

import type { MarketDataResolvers } from '../generated.ts';
import { typeNameOf } from './typeNameOf.ts';

export const marketData: MarketDataResolvers = {
  __resolveType: typeNameOf,
};

import type { CandleInterval, MarketDataType } from './marketData.ts';

/** `shared`, or the credential scope whose holders alone may see the stream. */
export type Scope = string;
export const SHARED: Scope = 'shared';

declare const streamKeyBrand: unique symbol;
/** The one value that everything which routes, stores or counts is keyed by. Made by `streamKey` alone. */
export type StreamKey = string & { readonly [streamKeyBrand]: true };

export interface StreamAddress {
  readonly scope: Scope;
  readonly broker: string;
  readonly symbol: string;
  readonly type: MarketDataType;
  /** Of candles; null for every other type. */
  readonly interval: CandleInterval | null;
}

/** JSON keeps the parts apart whatever characters a venue's symbol holds. */
export function streamKey({ scope, broker, symbol, type, interval }: StreamAddress): StreamKey {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that makes the brand
  return JSON.stringify([scope, broker, symbol, type, interval]) as StreamKey;
}

import { z } from 'zod';
import { toText, toUnits } from './units.ts';

/** One entry of exchangeInfo's `symbols`; the members that the stand-in itself reads are declared. */
export interface SymbolInfo {
  readonly symbol: string;
  readonly status: string;
  readonly filters?: readonly Readonly<Record<string, unknown>>[];
  readonly permissionSets?: readonly (readonly string[])[];
  readonly [member: string]: unknown;
}

/** A symbol with the price around which its market moves. */
export interface Listing {
  readonly info: SymbolInfo;
  readonly price: string;
}

export interface SymbolDraft {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly price: string;
  /** @default "0.01000000" */
  readonly tickSize?: string;
  /** @default "0.00001000" */
  readonly stepSize?: string;
  /** @default "TRADING" */
  readonly status?: string;
}

export function listing(draft: SymbolDraft): Listing {
  const { symbol, base, quote, price, tickSize = '0.01000000', stepSize = '0.00001000', status = 'TRADING' } = draft;
  const info: SymbolInfo = {
    symbol,
    status,
    baseAsset: base,
    baseAssetPrecision: 8,
    quoteAsset: quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
    icebergAllowed: true,
    ocoAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tickSize, maxPrice: '1000000.00000000', tickSize },
      { filterType: 'LOT_SIZE', minQty: stepSize, maxQty: '9000.00000000', stepSize },
      { filterType: 'NOTIONAL', minNotional: '5.00000000', applyMinToMarket: true, maxNotional: '9000000.00000000' },
    ],
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN']],
  };
  return { info, price };
}

/** One symbol is in BREAK, one has prices of many decimals, one a quote asset of three letters. */
export const DEFAULT_LISTINGS: readonly Listing[] = [
  listing({ symbol: 'BTCUSDT', base: 'BTC', quote: 'USDT', price: '43250.10000000' }),
  listing({ symbol: 'ETHUSDT', base: 'ETH', quote: 'USDT', price: '2280.55000000', stepSize: '0.00010000' }),
  listing({ symbol: 'BNBUSDT', base: 'BNB', quote: 'USDT', price: '310.20000000', stepSize: '0.00100000' }),
  listing({ symbol: 'SOLUSDT', base: 'SOL', quote: 'USDT', price: '98.43000000', stepSize: '0.00100000' }),
  listing({ symbol: 'ETHBTC', base: 'ETH', quote: 'BTC', price: '0.05273000', tickSize: '0.00001000' }),
  listing({
    symbol: 'SHIBUSDT',
    base: 'SHIB',
    quote: 'USDT',
    price: '0.00000931',
    tickSize: '0.00000001',
    stepSize: '1.00000000',
  }),
  listing({
    symbol: 'LUNAUSDT',
    base: 'LUNA',
    quote: 'USDT',
    price: '0.60000000',
    tickSize: '0.00010000',
    status: 'BREAK',
  }),
];

/** `GEN1USDT`, `GEN2USDT` and on, for tests of many symbols. */
export function generatedListings(count: number): Listing[] {
  return Array.from({ length: count }, (_, index) =>
    listing({
      symbol: `GEN${index + 1}USDT`,
      base: `GEN${index + 1}`,
      quote: 'USDT',
      price: toText(toUnits(10 + index)),
      stepSize: '0.00100000',
    }),
  );
}

const ExchangeInfo = z.object({
  symbols: z.array(
    z.looseObject({
      symbol: z.string(),
      status: z.string(),
      filters: z.array(z.record(z.string(), z.unknown())).exactOptional(),
      permissionSets: z.array(z.array(z.string())).exactOptional(),
    }),
  ),
});

/** Takes an exchangeInfo document's symbols; it has no prices, so all begin at 100. */
export function listingsOf(exchangeInfo: unknown): Listing[] {
  return ExchangeInfo.parse(exchangeInfo).symbols.map((info) => ({ info, price: '100.00000000' }));
}

/** The smallest step of a symbol's price or quantity; a filter that is absent or off gives 10⁻⁸. */
export function stepOf(info: SymbolInfo, filterType: 'PRICE_FILTER' | 'LOT_SIZE'): bigint {
  const filter = info.filters?.find((candidate) => candidate['filterType'] === filterType);
  const step = filter?.[filterType === 'PRICE_FILTER' ? 'tickSize' : 'stepSize'];
  const units = typeof step === 'string' ? toUnits(step) : 0n;
  return units > 0n ? units : 1n;
}

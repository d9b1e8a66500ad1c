import { fractionDigits, fromUnits, toUnits } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { Instrument } from '../../market/instrument.ts';

/** The two kinds of mock broker, named for the venue that each resembles. */
export type MockKind = 'mock-binance' | 'mock-oanda';

/** Everything that one symbol's market depends on. Prices and sizes are whole numbers of their smallest step. */
export interface MarketSpec {
  readonly kind: MockKind;
  readonly symbol: string;
  readonly seed: number;
  readonly startPrice: number;
  readonly priceDecimals: number;
  readonly sizeDecimals: number;
  /** A level's size is 1 to this many quanta. */
  readonly mostQuanta: number;
  readonly quantum: number;
  /** How far apart levels lie and prices move, in price steps. */
  readonly stride: number;
  readonly hasTrades: boolean;
  readonly stepsPerSecond: number;
}

/** The configuration says this about one symbol's market. */
export interface MarketChoice {
  readonly kind: MockKind;
  readonly symbol: string;
  readonly price: Decimal;
  readonly seed: number;
  readonly stepsPerSecond: number;
}

/** With fewer price steps than this, a book of fifty levels a side would not fit below the price. */
const LEAST_STEPS = 10_000;
/** With more, sums of prices would no longer be exact. */
const MOST_STEPS = 1e12;
const THREE_DIGIT_QUOTES: readonly string[] = ['JPY', 'HUF', 'THB'];
const KNOWN_QUOTES = ['USDT', 'USDC', 'FDUSD', 'TUSD', 'BUSD', 'USD', 'EUR', 'GBP', 'TRY', 'JPY', 'BTC', 'ETH', 'BNB'];

/** Throws a RangeError for a start price that is not above zero, or too large for exact arithmetic. */
export function marketSpec({ kind, symbol, price, seed, stepsPerSecond }: MarketChoice): MarketSpec {
  const priceDecimals = priceDigits(kind, symbol, price);
  const startPrice = toUnits(price, priceDecimals);
  if (startPrice < LEAST_STEPS || startPrice > MOST_STEPS)
    throw new RangeError(`no market of ${symbol} can start there`);
  const common = { kind, symbol, seed, startPrice, priceDecimals, stepsPerSecond };
  const stride = Math.max(1, Math.round(startPrice / 100_000));
  return kind === 'mock-binance'
    ? { ...common, stride, sizeDecimals: 5, mostQuanta: 500_000, quantum: 1, hasTrades: true }
    : { ...common, stride, sizeDecimals: 0, mostQuanta: 40, quantum: 250_000, hasTrades: false };
}

/** The instrument that a made-up market is listed as. */
export function instrumentOf({ kind, symbol, priceDecimals, sizeDecimals }: MarketSpec): Instrument {
  const [base, quote] = assetsOf(kind, symbol);
  return {
    symbol,
    displayName: base === null || quote === null ? symbol : `${base}/${quote}`,
    base,
    quote,
    tickSize: fromUnits(1, priceDecimals),
    lotSize: fromUnits(1, sizeDecimals),
    tradable: true,
  };
}

function priceDigits(kind: MockKind, symbol: string, price: Decimal): number {
  const [, quote] = assetsOf(kind, symbol);
  const usual = kind === 'mock-binance' ? 2 : THREE_DIGIT_QUOTES.includes(quote ?? '') ? 3 : 5;
  let digits = Math.max(usual, fractionDigits(price));
  while (digits > 0 && toUnits(price, digits) > MOST_STEPS) digits -= 1;
  while (digits < 18 && toUnits(price, digits) < LEAST_STEPS) digits += 1;
  return digits;
}

function assetsOf(kind: MockKind, symbol: string): readonly [string | null, string | null] {
  if (kind === 'mock-oanda') {
    const [base, quote, more] = symbol.split('_');
    return base === undefined || quote === undefined || more !== undefined ? [null, null] : [base, quote];
  }
  const quote = KNOWN_QUOTES.find((each) => symbol.length > each.length && symbol.endsWith(each));
  return quote === undefined ? [null, null] : [symbol.slice(0, -quote.length), quote];
}

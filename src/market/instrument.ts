import { closest, distance } from 'fastest-levenshtein';
import type { Decimal } from './decimal.ts';

/** An instrument that a broker lists. `symbol` is the venue's own name for it. */
export interface Instrument {
  readonly symbol: string;
  readonly displayName: string;
  readonly base: string | null;
  readonly quote: string | null;
  /** The smallest step of a price. */
  readonly tickSize: Decimal | null;
  /** The smallest step of a size. */
  readonly lotSize: Decimal | null;
  readonly tradable: boolean;
}

/** A longer symbol is hardly a typing error, and comparing it costs too much. */
const LONGEST_SUGGESTED = 50;

/** All instruments of one broker, each symbol once (of several with the same symbol the last one counts). Immutable. */
export class InstrumentCatalog {
  readonly #bySymbol: ReadonlyMap<string, Instrument>;
  readonly #symbols: readonly string[];
  /** The first listed symbol for each canonical spelling. */
  readonly #byCanonical = new Map<string, string>();
  /** In ascending order of the symbols' code units. */
  readonly instruments: readonly Instrument[];

  constructor(instruments: Iterable<Instrument>) {
    this.#bySymbol = new Map([...instruments].map((instrument) => [instrument.symbol, instrument]));
    this.instruments = Object.freeze(
      [...this.#bySymbol.values()].toSorted((a, b) => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0)),
    );
    this.#symbols = this.instruments.map((instrument) => instrument.symbol);
    for (const symbol of this.#symbols.toReversed()) this.#byCanonical.set(canonical(symbol), symbol);
  }

  /** The instrument with exactly this symbol. */
  get(symbol: string): Instrument | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** Instruments whose symbol, display name, base or quote contains the text (case-insensitive). An empty text finds all. */
  search(text: string): readonly Instrument[] {
    const wanted = text.trim().toLowerCase();
    if (wanted === '') return this.instruments;
    return this.instruments.filter(({ symbol, displayName, base, quote }) =>
      [symbol, displayName, base, quote].some((field) => field?.toLowerCase().includes(wanted)),
    );
  }

  /** The listed symbol closest to a mistyped one, or undefined if more than a third of it differs from every symbol. */
  suggest(symbol: string): string | undefined {
    if (this.#symbols.length === 0 || symbol.length > LONGEST_SUGGESTED) return undefined;
    const wanted = canonical(symbol);
    if (wanted === '') return undefined;
    const exact = this.#byCanonical.get(wanted);
    if (exact !== undefined) return exact;
    const typed = symbol.toUpperCase();
    const nearest = closest(typed, this.#symbols);
    return distance(typed, nearest) <= Math.max(1, symbol.length / 3) ? nearest : undefined;
  }
}

/** People type `btc/usdt`, `BTC-USDT` or `BTC_USDT` for `BTCUSDT`: letters and digits in upper case are compared. */
function canonical(symbol: string): string {
  return symbol.toUpperCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

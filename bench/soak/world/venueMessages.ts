import type { VenueFault } from '../schedule.ts';

/** The best levels of both sides as one text: two books are equal here if their texts are. */
export function topText(bids: readonly (readonly [string, string])[], asks: readonly (readonly [string, string])[]) {
  const side = (levels: readonly (readonly [string, string])[]): string =>
    levels
      .slice(0, TOP)
      .map(([price, size]) => `${price}@${size}`)
      .join(' ');
  return `${side(bids)} | ${side(asks)}`;
}

/** So many levels of each side are compared. */
const TOP = 10;

export interface MadeTrade {
  readonly symbol: string;
  readonly id: number;
  readonly price: string;
  readonly size: string;
  readonly side: 'buy' | 'sell';
  readonly timeMs: number;
}

/** The book, or the best prices, of a symbol from now on. */
export interface MadeState {
  readonly symbol: string;
  readonly atMs: number;
  readonly text: string;
}

export interface MadePrice {
  readonly account: string;
  readonly symbol: string;
  readonly atMs: number;
  /** The venue's own text. */
  readonly time: string;
  readonly tick: string;
  readonly book: string;
}

/** The venues have made this in one step; everything before this moment was reported. */
export interface VenueReport {
  readonly atMs: number;
  readonly trades: readonly MadeTrade[];
  readonly books: readonly MadeState[];
  readonly ticks: readonly MadeState[];
  readonly prices: readonly MadePrice[];
}

export interface Account {
  readonly id: string;
  readonly token: string;
}

/** The first message of the venue process. */
export interface VenueStarted {
  readonly binancePort: number;
  readonly oandaRestPort: number;
  readonly oandaStreamPort: number;
  readonly accounts: readonly Account[];
}

export interface VenueSettings {
  readonly seed: number;
  readonly stepMs: number;
  readonly binanceSymbols: readonly string[];
  readonly oandaSymbols: readonly string[];
}

export type ToVenue = { readonly fault: VenueFault };
/** `sockets`: how many WebSockets to Binance are open. */
export type FromVenue = { readonly started: VenueStarted } | { readonly report: VenueReport; readonly sockets: number };

/** Milliseconds since 1970 with fractions, by a clock that never goes back. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

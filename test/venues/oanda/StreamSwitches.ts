import type { PriceStyle } from './prices.ts';

/** How a line's bytes are divided into HTTP chunks: at the given offsets, ascending. */
export type Cut = 'none' | 'bytes' | ((line: Buffer) => readonly number[]);

/** Switches for every stream, open or new. */
export class StreamSwitches {
  /** No stream, open or new, gets a byte after the headers. */
  silence = false;
  noHeartbeats = false;
  /** No stream gets a price; heartbeats go on. */
  noPrices = false;
  /** How prices are written, if not as usual. */
  style: Partial<PriceStyle> = {};
  cut: Cut = 'none';
  /** All lines of one turn of the event loop go in one chunk. */
  coalesced = false;
  lineEnd: '\n' | '\r\n' = '\n';
  /** Every line is followed by an empty one. */
  blankLines = false;
  /** The snapshot of streams opened from now on has the last prices, those before, or none. */
  snapshot: 'current' | 'older' | 'none' = 'current';
  /** The prices of streams opened from now on come later than on others by this time. */
  lagMs = 0;
  /** Streams opened from now on end after this time. */
  lifetimeMs: number | null = null;

  cutsOf(line: Buffer): readonly number[] {
    if (this.cut === 'none') return [];
    if (this.cut === 'bytes') return Array.from({ length: line.length - 1 }, (_, index) => index + 1);
    return this.cut(line);
  }
}

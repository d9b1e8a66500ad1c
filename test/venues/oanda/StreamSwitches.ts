import type { PriceStyle } from './prices.ts';

/** Into which HTTP chunks a line's bytes are cut: at the offsets that are given, ascending. */
export type Cut = 'none' | 'bytes' | ((line: Buffer) => readonly number[]);

/** What holds for every open stream, and for those to come. */
export class StreamSwitches {
  /** No stream, open or to come, gets a byte after the headers. */
  silence = false;
  noHeartbeats = false;
  /** Heartbeats go on. */
  noPrices = false;
  /** How prices are written, where it is not the usual way. */
  style: Partial<PriceStyle> = {};
  cut: Cut = 'none';
  /** All lines of one turn of the event loop go in one chunk. */
  coalesced = false;
  lineEnd: '\n' | '\r\n' = '\n';
  /** Every line is followed by an empty one. */
  blankLines = false;
  /** Of streams opened from now on: prices of the snapshot are those before the last, or there is none. */
  snapshot: 'current' | 'older' | 'none' = 'current';
  /** Of streams opened from now on: prices come so much later than on others. */
  lagMs = 0;
  /** Of streams opened from now on: so long they live. */
  lifetimeMs: number | null = null;

  cutsOf(line: Buffer): readonly number[] {
    if (this.cut === 'none') return [];
    if (this.cut === 'bytes') return Array.from({ length: line.length - 1 }, (_, index) => index + 1);
    return this.cut(line);
  }
}

import type { CandleInterval, FeedType } from '../market/marketData.ts';
import type { RecordingHeader } from './format.ts';

/** Names one feed of a symbol. */
export interface FeedName {
  readonly type: FeedType;
  /** The interval of candles; null for every other type. */
  readonly interval: CandleInterval | null;
}

/** The feeds of each symbol of a recording. */
export function recordedFeeds({ types, interval }: RecordingHeader): readonly FeedName[] {
  return types.map((type) => ({ type, interval: type === 'candle' ? interval : null }));
}

export function isSameFeed(a: FeedName, b: FeedName): boolean {
  return a.type === b.type && a.interval === b.interval;
}

import type { MarketData, StreamKey } from '../market/marketData.ts';

/** One stream's way in or out of the bus. Disposed of at the stream's end, by whoever opened it. */
export interface Channel extends Disposable {
  publish(event: MarketData): void;
  /** What its book was holds no longer; the next that is published of it is whole. */
  reset(): void;
}

/**
 * Carries numbered events from whoever owns a stream to whoever serves it. Order within a stream is kept. A stream is looked
 * up when it begins and not for each of its events.
 */
export interface EventBus extends AsyncDisposable {
  /** The way in for a stream. */
  open(key: StreamKey): Channel;
  /** From now on streams come out here: `receive` is asked once for each one that begins. There is one receiver at a time. */
  subscribe(receive: (key: StreamKey) => Channel): Disposable;
}

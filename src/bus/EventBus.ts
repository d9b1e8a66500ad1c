import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';

/** Carries numbered events from whoever owns a stream to whoever serves it. Order within a stream is kept. */
export interface EventBus extends AsyncDisposable {
  publish(key: StreamKey, event: MarketData): void;
  /** One listener for all streams; it is called synchronously or later, but in order within a stream. */
  subscribe(listener: (key: StreamKey, event: MarketData) => void): Disposable;
}

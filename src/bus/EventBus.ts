import type { StreamStart } from '../market/cursor.ts';
import type { MarketData, StreamKey } from '../market/marketData.ts';

/** One end of one stream on the bus. Whoever opened it disposes of it when the stream ends. */
export interface Channel extends Disposable {
  /** Passes on the next event of the stream. */
  publish(event: MarketData): void;
  /** The last value of this stream no longer holds. The next event of a book is a snapshot. */
  reset(): void;
}

/** Returns the channel for the events of a stream that starts. */
export type ReceiveStream = (key: StreamKey, start: StreamStart) => Channel;

/**
 * Carries numbered events from the account that produces a stream to the part that serves it to clients. It keeps the order
 * within a stream. A stream is looked up once, when it starts, and not for each event.
 */
export interface EventBus extends AsyncDisposable {
  /** Opens a stream for publishing, whose numbering goes on from `start`. */
  open(key: StreamKey, start: StreamStart): Channel;
  /**
   * Calls `receive` for each stream that starts from now on, to get the channel for its events. Only one receiver is active.
   */
  subscribe(receive: ReceiveStream): Disposable;
}

import { memoizedStamp } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import type { BinanceRest } from './BinanceRest.ts';
import { BinanceClock } from './BinanceClock.ts';

/** The requests that streams make: the present state, what was missed, and whether there is anything to miss. */
export type VenueHistory = Pick<
  BinanceRest,
  'fetchDepth' | 'fetchCandles' | 'fetchTradesSince' | 'fetchTick' | 'fetchBookId' | 'fetchLastTradeMs' | 'fetchTime'
>;

/** All streams of a broker share this. */
export interface StreamContext {
  readonly broker: BrokerContext;
  readonly history: VenueHistory;
  /** Levels a side that a book begins with. */
  readonly bookLevels: number;
  /** The venue's clock, compared with ours. */
  readonly venueClock: Pick<BinanceClock, 'offsetMs'>;
  /** Formats a time of receipt; many frames share a millisecond. */
  readonly stamp: (epochMs: number) => Timestamp;
  /** Takes the age of an event on receipt, in seconds. */
  readonly latency: { observe(seconds: number): void };
}

/** Makes what all streams of one broker share. */
export function createStreamContext(
  broker: BrokerContext,
  rest: Pick<StreamContext, 'history' | 'bookLevels'>,
): StreamContext {
  return {
    broker,
    ...rest,
    venueClock: new BinanceClock({ clock: broker.clock, fetchTime: () => rest.history.fetchTime() }),
    stamp: memoizedStamp(),
    latency: broker.metrics.venueLatency.labels({ broker: broker.id }),
  };
}

export interface StreamOptions {
  readonly name: string;
  readonly symbol: string;
  readonly context: StreamContext;
}

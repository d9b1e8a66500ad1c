import type { CandleInterval, FeedType, MarketData } from '../../market/marketData.ts';
import type { FeedDescription } from '../gateway/GatewayFeed.ts';

export interface WatchCommand {
  readonly broker: string;
  readonly symbols: readonly string[];
  /** Null: the usual ones, as far as the broker has them. */
  readonly types: readonly FeedType[] | null;
  readonly interval: CandleInterval;
  /** The levels of the books that are shown; null: no books are wanted. */
  readonly depth: number | null;
  readonly url: string;
  readonly isJson: boolean;
}

/** How events are shown. */
export interface Sight extends Disposable {
  begin(description: FeedDescription): Promise<void>;
  /** Returns false if nobody sees it. */
  show(event: MarketData): boolean;
  /** Shows a sentence about what is wrong; null takes it away. */
  tell(trouble: string | null): void;
  resize(): void;
  /** The reader did not keep up. */
  readonly hasFailed: boolean;
}

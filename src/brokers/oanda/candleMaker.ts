import type { CandlePrice } from '../../market/CandleBuilder.ts';
import type { CandleDraft } from '../../market/marketData.ts';

/** What a maker of candles tells. */
export interface CandleListener {
  onCandle(candle: CandleDraft): void;
  onGap(reason: string): void;
  /** It is in step with the venue from here on. */
  onLive(): void;
}

/** Makes the candles of one interval of one instrument from what the venue streams. Owned by an InstrumentStream. */
export interface CandleMaker extends Disposable {
  /** What it publishes is in step with the venue. */
  readonly isLive: boolean;
  /** The instrument's stream has begun, for the first time or again after an interruption. */
  begin(): void;
  /** From here on something may be missed. */
  interrupt(): void;
  /** A mid price, in the venue's order. */
  add(price: CandlePrice): void;
  /** The venue's clock has come so far; `isOpen`: prices are to be expected. */
  advance(venueMs: number, isOpen: boolean): void;
}

/** Prices come up to a quarter of a second after they were made; the venue's other messages don't. */
export const CANDLE_GRACE_MS = 500;

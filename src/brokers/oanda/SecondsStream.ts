import { CandleBuilder } from '../../market/CandleBuilder.ts';
import type { CandlePrice } from '../../market/CandleBuilder.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import { CANDLE_GRACE_MS } from './CandleStream.ts';
import type { CandleListener, CandleMaker } from './CandleStream.ts';

export interface SecondsStreamOptions {
  readonly symbol: string;
  readonly broker: BrokerContext;
  readonly listener: CandleListener;
}

const LENGTH_MS = CANDLE_INTERVALS['1s'];

/**
 * Candles of one second, which the venue does not have, made of the streamed mid prices alone. The second in which the
 * stream begins is left out, for its beginning was not seen; those of an interruption are reported as a gap.
 */
export class SecondsStream implements CandleMaker {
  readonly #options: SecondsStreamOptions;
  #builder = new CandleBuilder('1s');
  /** The start of the first second that was seen whole; null until the venue's time is known. */
  #firstMs: number | null = null;
  /** The end of the last closed candle. */
  #closedMs = Number.NEGATIVE_INFINITY;
  #live = false;
  #hasBegun = false;

  constructor(options: SecondsStreamOptions) {
    this.#options = options;
  }

  get isLive(): boolean {
    return this.#live;
  }

  begin(): void {
    const { broker, symbol, listener } = this.#options;
    this.interrupt();
    if (this.#hasBegun) {
      broker.metrics.gaps.inc({ broker: broker.id, type: 'candle' });
      listener.onGap(`Candles of ${symbol} are missing; the venue has none of one second.`, null);
    }
    this.#hasBegun = true;
    this.#live = true;
    listener.onLive();
  }

  continueBehind(): void {
    // The venue has no history of seconds, so its beginning will be reported as a gap.
    if (!this.#live) this.#hasBegun = true;
  }

  interrupt(): void {
    this.#builder = new CandleBuilder('1s');
    this.#firstMs = null;
    this.#live = false;
  }

  add(price: CandlePrice): void {
    if (!this.#live) return;
    this.#firstMs ??= Math.floor(price.timeMs / LENGTH_MS) * LENGTH_MS + LENGTH_MS;
    if (price.timeMs < Math.max(this.#firstMs, this.#closedMs)) return;
    const { broker, listener } = this.#options;
    const outcome = this.#builder.addPrice(price, fromEpochMs(broker.clock.now()));
    if (outcome.kind === 'late') return;
    for (const candle of outcome.drafts) {
      if (candle.closed) this.#closedMs = toEpochMs(candle.closeTime);
      listener.onCandle(candle);
    }
  }

  advance(venueMs: number): void {
    if (!this.#live) return;
    this.#firstMs ??= Math.floor(venueMs / LENGTH_MS) * LENGTH_MS + LENGTH_MS;
    const { broker, listener } = this.#options;
    const closed = this.#builder.close(venueMs - CANDLE_GRACE_MS, fromEpochMs(broker.clock.now()));
    if (closed === null) return;
    this.#closedMs = toEpochMs(closed.closeTime);
    listener.onCandle(closed);
  }

  [Symbol.dispose](): void {
    this.interrupt();
  }
}

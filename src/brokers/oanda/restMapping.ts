import { decimal, fromUnits, isZero } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { CandleBar } from '../../market/candleBar.ts';
import type { Instrument } from '../../market/instrument.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { CandleEntry, InstrumentInfo } from './restMessages.ts';

/** A candle as the venue has it, of whatever length. */
export interface VenueCandle {
  readonly openMs: number;
  /** False: it still grows. */
  readonly complete: boolean;
  readonly bar: CandleBar;
}

/** The venue lists what the account may trade, so all of it is tradable. */
export function toInstrument(info: InstrumentInfo): Instrument {
  const { name, displayName, displayPrecision, tradeUnitsPrecision, minimumTradeSize } = info;
  const [base, quote, ...more] = name.split('_');
  const isPair = base !== undefined && quote !== undefined && base !== '' && quote !== '' && more.length === 0;
  return {
    symbol: name,
    displayName: displayName ?? name,
    base: isPair ? base : null,
    quote: isPair ? quote : null,
    tickSize: displayPrecision === undefined ? null : fromUnits(1, displayPrecision),
    lotSize: tradeUnitsPrecision === undefined ? positive(minimumTradeSize) : fromUnits(1, tradeUnitsPrecision),
    tradable: true,
  };
}

function positive(value: Decimal | undefined): Decimal | null {
  return value === undefined || isZero(value) ? null : value;
}

/** The venue counts prices, not trades. */
export function toVenueCandle({ time, complete, volume, mid }: CandleEntry): VenueCandle {
  const bar = { open: mid.o, high: mid.h, low: mid.l, close: mid.c, volume: decimal(String(volume)), tradeCount: null };
  return { openMs: time, complete, bar };
}

export function toCandle(
  { openMs, complete, bar }: VenueCandle,
  interval: CandleInterval,
  receivedMs: number,
): CandleDraft {
  const receivedAt = fromEpochMs(receivedMs);
  const closeTime = fromEpochMs(openMs + CANDLE_INTERVALS[interval]);
  return {
    type: 'candle',
    time: complete ? closeTime : receivedAt,
    receivedAt,
    interval,
    openTime: fromEpochMs(openMs),
    closeTime,
    ...bar,
    closed: complete,
  };
}

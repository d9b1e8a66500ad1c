import { cursorPrefix, formatCursor, streamMark } from '../../../src/market/cursor.ts';
import { decimal } from '../../../src/market/decimal.ts';
import { addressOf } from '../../../src/market/marketData.ts';
import type { Candle, MarketData, MarketDataType, StreamKey } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { assertNever } from '../../../src/shared/errors.ts';
import { book, key, status, tick, trade } from '../../support/events.ts';

const BEGAN_MS = Date.UTC(2026, 0, 2, 3, 4, 0);

/** The stream that `numbered` makes events of. */
export function keyOfType(type: MarketDataType): StreamKey {
  return key(type);
}

/** An epoch of this name. */
export function epochOf(name: string): string {
  return name.padEnd(12, '-');
}

/** The event of a stream with this number, in an epoch; trades have ids, and candles times, that rise with `place`. */
export function numbered(type: MarketDataType, sequence: number, { epoch = 'e', place = sequence } = {}): MarketData {
  const address = addressOf(keyOfType(type));
  const cursor = formatCursor(cursorPrefix(streamMark(address), epochOf(epoch)), sequence);
  const time = fromEpochMs(BEGAN_MS + place * 1_000);
  return { ...eventOf(type, place), time, receivedAt: time, sequence, cursor };
}

function eventOf(type: MarketDataType, place: number): MarketData {
  switch (type) {
    case 'tick':
      return tick(place);
    case 'trade':
      return { ...trade(place), tradeId: String(place) };
    case 'orderbook':
      return book(place, 'snapshot', { bids: [['1.0', '2.50']], asks: [['1.1', String(place)]] });
    case 'status':
      return status(place);
    case 'candle':
      return candle(place, true);
    default:
      return assertNever(type);
  }
}

/** The candle that opens so many minutes after the beginning. */
function candle(minute: number, closed: boolean): Candle {
  const openMs = BEGAN_MS + minute * 60_000;
  const price = decimal('100.10');
  return {
    type: 'candle',
    broker: 'binance',
    symbol: 'BTCUSDT',
    time: fromEpochMs(openMs),
    receivedAt: fromEpochMs(openMs),
    sequence: minute,
    cursor: '',
    interval: '1m',
    openTime: fromEpochMs(openMs),
    closeTime: fromEpochMs(openMs + 60_000),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: decimal('1'),
    tradeCount: 1,
    closed,
    backfilled: false,
  };
}

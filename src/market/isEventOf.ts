import { parseCursor } from './cursor.ts';
import type { MarketData, StreamAddress } from './marketData.ts';

/**
 * True for a numbered event of the stream, as a gateway has written it. What is checked is what a wrong stream, an older
 * version or a broken text would get wrong: which stream it is of, its place, and the members that its type has.
 */
export function isEventOf({ broker, symbol, type, interval }: StreamAddress, value: unknown): value is MarketData {
  if (!isRecord(value)) return false;
  if (value['type'] !== type || value['broker'] !== broker || value['symbol'] !== symbol) return false;
  if (type === 'candle' && value['interval'] !== interval) return false;
  const { sequence, cursor } = value;
  if (!Number.isSafeInteger(sequence) || typeof cursor !== 'string' || parseCursor(cursor)?.sequence !== sequence)
    return false;
  return (
    TEXTS[type].every((name) => typeof value[name] === 'string') &&
    LISTS[type].every((name) => Array.isArray(value[name]))
  );
}

const TIMES = ['time', 'receivedAt'] as const;
const TEXTS: Readonly<Record<MarketData['type'], readonly string[]>> = {
  tick: [...TIMES, 'bid', 'ask', 'mid', 'spread'],
  trade: [...TIMES, 'tradeId', 'price', 'size', 'side'],
  candle: [...TIMES, 'openTime', 'closeTime', 'open', 'high', 'low', 'close', 'volume'],
  orderbook: [...TIMES, 'kind'],
  status: [...TIMES, 'state', 'since'],
};
const LISTS: Readonly<Record<MarketData['type'], readonly string[]>> = {
  tick: [],
  trade: [],
  candle: [],
  orderbook: ['bids', 'asks'],
  status: [],
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

import type { GraphqlGateway } from './GraphqlGateway.ts';
import { closedCandles } from './candles.ts';

/** All fields of a candle. */
export const FIELDS =
  'broker symbol type time receivedAt sequence cursor interval openTime closeTime open high low close volume';
/** A field that asks for so many candles. */
export const CANDLES = (limit: number, fields = FIELDS): string =>
  `candles(broker: "binance", symbol: "BTCUSDT", limit: ${limit}) { ${fields} }`;
/** Names so long that few values make many bytes. */
export const LONG_FIELDS = ['open', 'high', 'low', 'close', 'volume', 'time']
  .map((field) => `${field}${'x'.repeat(40)}: ${field}`)
  .join(' ');
/** A query whose answer would be too large. */
export const TOO_MUCH = `{ ${Array.from({ length: 30 }, (_, n) => `a${n}: ${CANDLES(5_000)}`).join(' ')} }`;

/** Counts the requests to the venue, and answers them with as many candles as were requested. */
export function countCandles(gateway: GraphqlGateway): { asked: number } {
  const count = { asked: 0 };
  gateway.broker().fetchCandles = ({ limit }: { limit?: number } = {}) => {
    count.asked += 1;
    return Promise.resolve(closedCandles(limit ?? 0));
  };
  return count;
}

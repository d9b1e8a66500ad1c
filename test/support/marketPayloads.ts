import { fromEpochMs } from '../../src/market/timestamp.ts';

/** Returns numbers from 0 to 1 that look random, and are the same each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

const START_MS = Date.UTC(2026, 10, 23, 12);
const TOP_CENTS = 6_412_345;

function payload(type: string, at: number, fields: object): string {
  const [time, receivedAt] = [fromEpochMs(START_MS + at), fromEpochMs(START_MS + at + 5)];
  const event = { broker: 'binance', symbol: 'BTCUSDT', type, time, receivedAt, sequence: 1_000 + at, ...fields };
  return JSON.stringify({ data: { marketData: event } });
}

/** GraphQL results for a series of trades. */
export function trades(count: number): string[] {
  const random = numbers(1);
  let cents = TOP_CENTS;
  return Array.from({ length: count }, (_, at) => {
    cents += Math.floor(random() * 21) - 10;
    const [price, size] = [(cents / 100).toFixed(2), (random() ** 3).toFixed(5)];
    return payload('TRADE', at * 137, {
      tradeId: String(4_012_345_678 + at),
      price,
      size,
      side: random() < 0.5 ? 'BUY' : 'SELL',
    });
  });
}

/**
 * GraphQL results for a book of 20 levels a side, in which a quarter of the sizes changes from one event to the next.
 */
export function books(count: number): string[] {
  const random = numbers(2);
  const size = (): string => (random() ** 2 * 3).toFixed(5);
  let [bids, asks] = [Array.from({ length: 20 }, size), Array.from({ length: 20 }, size)];
  const levels = (sizes: readonly string[], step: number) =>
    sizes.map((of, level) => ({ price: ((TOP_CENTS + step * (level + 1)) / 100).toFixed(2), size: of }));
  return Array.from({ length: count }, (_, at) => {
    [bids, asks] = [bids, asks].map((side) => side.map((old) => (random() < 0.25 ? size() : old))) as [
      string[],
      string[],
    ];
    return payload('ORDERBOOK', at * 100, { kind: 'SNAPSHOT', bids: levels(bids, -1), asks: levels(asks, 1) });
  });
}

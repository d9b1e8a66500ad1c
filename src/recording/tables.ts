import type { FeedStatus, MarketData, MarketDataType, OrderBookUpdate, PriceLevel } from '../market/marketData.ts';
import { assertNever } from '../shared/errors.ts';

/**
 * The kind of a column's values. `decimal`: a plain decimal number, digit for digit. `time`: an instant as RFC 3339 text. `integer`: a
 * safe integer.
 */
export type ColumnKind = 'text' | 'decimal' | 'time' | 'integer' | 'flag';
export type Value = string | number | boolean | null;
export type Row = Readonly<Record<string, Value>>;

/** The columns of each table by name, in their order. A book has a row for each level that changed. */
export const TABLES = {
  tick: {
    ...header(),
    bid: 'decimal',
    bidSize: 'decimal',
    ask: 'decimal',
    askSize: 'decimal',
    last: 'decimal',
    mid: 'decimal',
    spread: 'decimal',
  },
  trade: { ...header(), tradeId: 'text', price: 'decimal', size: 'decimal', side: 'text', backfilled: 'flag' },
  candle: {
    ...header(),
    interval: 'text',
    openTime: 'time',
    closeTime: 'time',
    open: 'decimal',
    high: 'decimal',
    low: 'decimal',
    close: 'decimal',
    volume: 'decimal',
    tradeCount: 'integer',
    closed: 'flag',
    backfilled: 'flag',
  },
  orderbook: { ...header(), kind: 'text', side: 'text', price: 'decimal', size: 'decimal' },
  status: {
    ...header(),
    state: 'text',
    reason: 'text',
    since: 'time',
    gapType: 'text',
    gapFrom: 'time',
    gapTo: 'time',
  },
} as const satisfies Record<MarketDataType, Readonly<Record<string, ColumnKind>>>;

function header() {
  return { broker: 'text', symbol: 'text', time: 'time', receivedAt: 'time', sequence: 'integer' } as const;
}

/** The rows that an event has in the table of its type. */
export function rowsOf(event: MarketData): readonly Row[] {
  switch (event.type) {
    case 'tick':
    case 'trade':
    case 'candle': {
      const { type: _type, cursor: _cursor, ...row } = event;
      return [row];
    }
    case 'orderbook':
      return [...levelRows(event, 'bid', event.bids), ...levelRows(event, 'ask', event.asks)];
    case 'status':
      return [statusRow(event)];
    default:
      return assertNever(event);
  }
}

function levelRows(event: OrderBookUpdate, side: 'bid' | 'ask', levels: readonly PriceLevel[]): readonly Row[] {
  const { broker, symbol, time, receivedAt, sequence, kind } = event;
  return levels.map(({ price, size }) => ({ broker, symbol, time, receivedAt, sequence, kind, side, price, size }));
}

function statusRow({ broker, symbol, time, receivedAt, sequence, state, reason, since, gap }: FeedStatus): Row {
  const lost = { gapType: gap?.type ?? null, gapFrom: gap?.from ?? null, gapTo: gap?.to ?? null };
  return { broker, symbol, time, receivedAt, sequence, state, reason, since, ...lost };
}

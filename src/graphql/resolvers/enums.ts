import type { BrokerState } from '../../core/brokerInfo.ts';
import type { FaultKind } from '../../market/mockFault.ts';
import type { BookUpdateKind, CandleInterval, FeedState, MarketDataType, Side } from '../../market/marketData.ts';

/** The internal values of the schema's enums. */
export const enums = {
  MarketDataType: {
    TICK: 'tick',
    CANDLE: 'candle',
    ORDERBOOK: 'orderbook',
    TRADE: 'trade',
    STATUS: 'status',
  } satisfies Record<string, MarketDataType>,
  Side: { BUY: 'buy', SELL: 'sell' } satisfies Record<string, Side>,
  CandleInterval: {
    ONE_SECOND: '1s',
    FIVE_SECONDS: '5s',
    ONE_MINUTE: '1m',
    FIVE_MINUTES: '5m',
    FIFTEEN_MINUTES: '15m',
    ONE_HOUR: '1h',
    FOUR_HOURS: '4h',
    ONE_DAY: '1d',
  } satisfies Record<string, CandleInterval>,
  BookUpdateKind: { SNAPSHOT: 'snapshot', DELTA: 'delta' } satisfies Record<string, BookUpdateKind>,
  FeedState: {
    LIVE: 'live',
    STALE: 'stale',
    RECOVERING: 'recovering',
    CLOSED: 'closed',
  } satisfies Record<string, FeedState>,
  BrokerState: {
    DISABLED: 'disabled',
    CONNECTING: 'connecting',
    CONNECTED: 'connected',
    DEGRADED: 'degraded',
    DISCONNECTED: 'disconnected',
  } satisfies Record<string, BrokerState>,
  MockFaultKind: {
    SILENCE: 'silence',
    DISCONNECT: 'disconnect',
    GAP: 'gap',
    DUPLICATE: 'duplicate',
    OUT_OF_ORDER: 'outOfOrder',
    CROSSED_BOOK: 'crossedBook',
    HALT: 'halt',
  } satisfies Record<string, FaultKind>,
};

import type { Decimal } from '../../src/market/decimal.ts';
import { decimal } from '../../src/market/decimal.ts';
import type { FeedStatus, OrderBookUpdate, PriceLevel, Tick, Trade, StreamKey } from '../../src/market/marketData.ts';
import { streamKey } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';

const AT = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));

const header = (sequence: number) => ({
  broker: 'binance',
  symbol: 'BTCUSDT',
  time: AT,
  receivedAt: AT,
  sequence,
  cursor: `epoch.${sequence}`,
});

export function tick(sequence: number, bid = '100.10', ask = '100.20'): Tick {
  return {
    type: 'tick',
    ...header(sequence),
    bid: decimal(bid),
    bidSize: decimal('1'),
    ask: decimal(ask),
    askSize: decimal('2'),
    last: null,
    mid: decimal('100.15'),
    spread: decimal('0.10'),
  };
}

export function trade(sequence: number): Trade {
  return {
    type: 'trade',
    ...header(sequence),
    tradeId: String(1_000 + sequence),
    price: decimal('100.15'),
    size: decimal('0.5'),
    side: 'buy',
    backfilled: false,
  };
}

/** A status that says nothing but that the feed is live, with these members in place of that. */
export function status(sequence: number, members: Partial<FeedStatus> = {}): FeedStatus {
  return {
    type: 'status',
    ...header(sequence),
    state: 'live',
    reason: null,
    since: AT,
    gap: null,
    replay: null,
    ...members,
  };
}

/** Makes levels from [price, size] pairs. */
export function book(
  sequence: number,
  kind: 'snapshot' | 'delta',
  sides: { bids?: [string, string][]; asks?: [string, string][] },
): OrderBookUpdate {
  return {
    type: 'orderbook',
    ...header(sequence),
    kind,
    bids: levels(sides.bids ?? []),
    asks: levels(sides.asks ?? []),
  };
}

export function levels(pairs: readonly [string, string][]): PriceLevel[] {
  return pairs.map(([price, size]) => ({ price: price as Decimal, size: size as Decimal }));
}

export function key(type: 'tick' | 'trade' | 'orderbook' | 'candle' | 'status', symbol = 'BTCUSDT'): StreamKey {
  return streamKey({ scope: 'shared', broker: 'binance', symbol, type, interval: type === 'candle' ? '1m' : null });
}

import { describe, expect, it } from 'vitest';
import type { Candle, FeedStatus } from '../../../src/market/marketData.ts';
import { decimal } from '../../../src/market/decimal.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { encodeEvent } from '../../../src/raw/messages.ts';
import { book, tick, trade } from '../../support/events.ts';

const frame = (event: Parameters<typeof encodeEvent>[0]): unknown => JSON.parse(encodeEvent(event));
const at = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));
const place = { broker: 'binance', symbol: 'BTCUSDT', time: at, receivedAt: at, sequence: 3, cursor: 'epoch.3' };

const candle: Candle = {
  type: 'candle',
  ...place,
  interval: '15m',
  openTime: at,
  closeTime: at,
  open: decimal('1.0'),
  high: decimal('2.00'),
  low: decimal('0.5'),
  close: decimal('1.5'),
  volume: decimal('10'),
  tradeCount: null,
  closed: false,
  backfilled: false,
};

describe('a data message has every field of the GraphQL type of the same name', () => {
  it('for a tick, with nulls kept as null and decimals digit for digit', () => {
    expect(frame(tick(3))).toEqual({
      type: 'data',
      broker: 'binance',
      symbol: 'BTCUSDT',
      data: {
        ...place,
        type: 'tick',
        bid: '100.10',
        bidSize: '1',
        ask: '100.20',
        askSize: '2',
        last: null,
        mid: '100.15',
        spread: '0.10',
      },
    });
  });

  it('trade, with the side in lower case', () => {
    const data = {
      ...place,
      type: 'trade',
      tradeId: '1003',
      price: '100.15',
      size: '0.5',
      side: 'buy',
      backfilled: false,
    };
    expect(frame(trade(3))).toEqual({ type: 'data', broker: 'binance', symbol: 'BTCUSDT', data });
  });

  it('for a candle, with the interval as 15m', () => {
    expect(frame(candle)).toMatchObject({ data: { ...candle } });
  });

  it('for an order book, with its levels as pairs', () => {
    const event = book(3, 'delta', { bids: [['100.10', '0']], asks: [] });
    const data = { ...place, type: 'orderbook', kind: 'delta', bids: [['100.10', '0']], asks: [] };
    expect(frame(event)).toEqual({ type: 'data', broker: 'binance', symbol: 'BTCUSDT', data });
  });

  it('and no member that an event has only inside the gateway', () => {
    const event = { ...trade(3), secret: 'x' };
    expect(encodeEvent(event)).not.toContain('secret');
  });
});

describe('the status of a feed', () => {
  const told = { reason: 'No tick has come.', since: at, gap: null, replay: null };
  const status: FeedStatus = { type: 'status', ...place, state: 'stale', ...told };

  it('is a message that names the state and its reason', () => {
    const message = 'No tick has come.';
    expect(frame(status)).toEqual({ type: 'status', status: 'stale', broker: 'binance', symbol: 'BTCUSDT', message });
  });

  it('is a message with a sentence for people if the reason is not known', () => {
    expect(frame({ ...status, state: 'live', reason: null })).toMatchObject({ message: 'The feed is live.' });
  });

  it('is a gap message if events are missing', () => {
    const gap = { type: 'trade', from: at, to: null } as const;
    expect(frame({ ...status, gap })).toMatchObject({ status: 'gap', gap });
  });
});

import type { FeedEvent, FeedStatus, MarketData, PriceLevel } from '../market/marketData.ts';
import { assertNever } from '../shared/errors.ts';

/** The message of an event, alike for every client: the protocol has no id in it. */
export function encodeEvent(event: MarketData): string {
  return JSON.stringify(event.type === 'status' ? statusFrame(event) : dataFrame(event));
}

/** An event with a hole to tell is told as `gap`; the state it carries is an event without one (`withoutGap`). */
function statusFrame({ state, gap, broker, symbol, reason }: FeedStatus): object {
  const status = gap ? 'gap' : state;
  return { type: 'status', status, broker, symbol, message: reason ?? SENTENCES[status] };
}

const SENTENCES: Record<FeedStatus['state'] | 'gap', string> = {
  live: 'The feed is live.',
  stale: 'Nothing has come from the feed for a while; what was sent may be out of date.',
  recovering: 'The feed is interrupted and being restored; what was sent may no longer hold.',
  closed: 'Nothing more will come of this feed.',
  gap: 'Events of this feed were lost and cannot be had again.',
};

function dataFrame(event: FeedEvent): object {
  return { type: 'data', broker: event.broker, symbol: event.symbol, data: { ...header(event), ...body(event) } };
}

function header({ type, broker, symbol, time, receivedAt, sequence, cursor }: FeedEvent): object {
  return { type, broker, symbol, time, receivedAt, sequence, cursor };
}

/** Field by field: what a client sees is this list, whatever else an event may carry inside the gateway. */
function body(event: FeedEvent): object {
  switch (event.type) {
    case 'tick': {
      const { bid, bidSize, ask, askSize, last, mid, spread } = event;
      return { bid, bidSize, ask, askSize, last, mid, spread };
    }
    case 'trade': {
      const { id, price, size, side } = event;
      return { id, price, size, side };
    }
    case 'candle': {
      const { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed } = event;
      return { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed };
    }
    case 'orderbook':
      return { kind: event.kind, bids: event.bids.map(pair), asks: event.asks.map(pair) };
    default:
      return assertNever(event);
  }
}

function pair({ price, size }: PriceLevel): readonly [string, string] {
  return [price, size];
}

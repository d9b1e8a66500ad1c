import { expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { VenueFeed } from '../../../src/core/NumberedStream.ts';
import type { CandleDraft, FeedEvent, FeedEventDraft } from '../../../src/market/marketData.ts';
import { decimal } from '../../../src/market/decimal.ts';
import { streamKey } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { EPOCH_LENGTH, parseCursor, streamMark } from '../../../src/market/cursor.ts';
import { book, tick, trade } from '../../support/events.ts';

const NOW = fromEpochMs(0);
const START = { epoch: 'e'.repeat(EPOCH_LENGTH), sequence: 7 };
const ONE = decimal('1');

const candle: CandleDraft = {
  type: 'candle',
  time: NOW,
  receivedAt: NOW,
  interval: '1m',
  openTime: NOW,
  closeTime: fromEpochMs(60_000),
  open: ONE,
  high: ONE,
  low: ONE,
  close: ONE,
  volume: ONE,
  tradeCount: null,
  closed: false,
  backfilled: false,
};

function draftOf(event: FeedEvent): FeedEventDraft {
  const { broker: _broker, symbol: _symbol, sequence: _sequence, cursor: _cursor, ...draft } = event;
  return draft;
}

it.each([
  draftOf(tick(9)),
  draftOf(trade(9)),
  draftOf(book(9, 'delta', { bids: [['1', '2']], asks: [['3', '4']] })),
  candle,
])('a feed passes $type on with the address of its stream and every member of the draft', (draft) => {
  const address = { scope: 'shared', broker: 'binance', symbol: 'BTCUSDT', type: draft.type, interval: null };
  using channel = new MemoryBus().open(streamKey(address), START);
  const stream = new VenueFeed({ address, start: START, channel, received: { count: 0 } });
  const place = { broker: 'binance', symbol: 'BTCUSDT' };
  for (const sequence of [8, 9]) {
    const event = stream.number(draft);
    expect(event).toEqual({ ...draft, ...place, sequence, cursor: expect.any(String) });
    expect(parseCursor(event.cursor)).toMatchObject({ stream: streamMark(address), epoch: START.epoch, sequence });
  }
});

import { describe, expect, it } from 'vitest';
import type { FeedStatus, Trade } from '../../../client/index.ts';
import { mergeTape } from '../../../web/data/tape.ts';

const header = { broker: 'b', symbol: 'S', time: '2026-01-01T00:00:00Z', receivedAt: '2026-01-01T00:00:00Z' };
const trade = (id: number): Trade => ({
  ...header,
  __typename: 'Trade',
  type: 'TRADE',
  sequence: id,
  cursor: `c${id}`,
  tradeId: String(id),
  price: '1',
  size: '1',
  side: 'BUY',
  backfilled: false,
});
const status = (gapOf: 'TRADE' | 'CANDLE' | null): FeedStatus => ({
  ...header,
  __typename: 'FeedStatus',
  type: 'STATUS',
  sequence: 1,
  cursor: `s${gapOf}`,
  state: 'LIVE',
  reason: 'Lost.',
  since: header.time,
  gap: gapOf === null ? null : { type: gapOf, from: null, to: null },
  replay: null,
});
const names = (rows: ReturnType<typeof mergeTape>): readonly string[] =>
  rows.map((row) => (row.kind === 'trade' ? row.trade.tradeId : row.kind));

describe('the tape', () => {
  it('has the newest trade first, and each once', () => {
    const first = mergeTape([], [trade(1), trade(2), trade(3)]);
    expect(names(mergeTape(first, [trade(3), trade(4)]))).toEqual(['4', '3', '2', '1']);
  });

  it('says where trades are missing, and nothing of gaps in other streams', () => {
    const rows = mergeTape([], [trade(1), status('TRADE'), status('CANDLE'), status(null), trade(5)]);
    expect(names(rows)).toEqual(['5', 'gap', '1']);
  });

  it('has a bound, and keeps the newest', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => trade(i));
    expect(names(mergeTape([], many, 3))).toEqual(['4999', '4998', '4997']);
    expect(names(mergeTape(mergeTape([], many, 3), [trade(5_000)], 3))).toEqual(['5000', '4999', '4998']);
  });

  it('is the same object where nothing of it has changed, so that nothing is drawn', () => {
    const rows = mergeTape([], [trade(1)]);
    expect(mergeTape(rows, [trade(1), status(null)])).toBe(rows);
  });
});

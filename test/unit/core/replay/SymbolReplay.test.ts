import { describe, expect, it } from 'vitest';
import { Seam } from '../../../../src/core/replay/Seam.ts';
import { NOTHING_PAST, SymbolReplay } from '../../../../src/core/replay/SymbolReplay.ts';
import type { ReplayPart } from '../../../../src/core/replay/SymbolReplay.ts';
import { SharedBatch, SharedEvent } from '../../../../src/fanout/frames/SharedEvent.ts';
import { streamKey } from '../../../../src/market/marketData.ts';
import type { CandleDraft, TradeDraft } from '../../../../src/market/marketData.ts';
import { closedCandles } from '../../../support/candles.ts';
import { tradeDraft } from '../../../support/pastEvents.ts';

function setUp(streams: number) {
  const story: string[] = [];
  const replay = new SymbolReplay({
    streams,
    report: ({ recovered, events, complete }) => story.push(`${recovered} ${events} ${complete}`),
  });
  const join = (name: string, part: Partial<ReplayPart> = {}) =>
    replay.join({ outcome: () => ({ ...NOTHING_PAST, ...part }), begin: () => story.push(name) });
  return { story, replay, join };
}

describe('the streams of a symbol', () => {
  it('begin when all of them are ready, behind the outcome', () => {
    const { join, replay, story } = setUp(3);
    join('trade', { recovered: true, events: 5 });
    join('candle', { recovered: null, events: 2 });
    expect(story).toEqual([]);
    expect(replay.isReported).toBe(false);
    join('tick');
    expect(story).toEqual(['true 7 true', 'trade', 'candle', 'tick']);
  });

  it.each<[string, readonly Partial<ReplayPart>[], string]>([
    ['not recovered if one of them is not', [{ recovered: true }, { recovered: false }], 'false 0 true'],
    ['neither if no cursor is of them', [{ recovered: null }, { recovered: null }], 'null 0 true'],
    ['recovered if all with a cursor are', [{ recovered: null }, { recovered: true }], 'true 0 true'],
    ['not complete if one of them is not', [{ complete: false, events: 3 }, { events: 4 }], 'null 7 false'],
  ])('are %s', (_name, parts, outcome) => {
    const { join, story } = setUp(parts.length);
    for (const part of parts) join('stream', part);
    expect(story[0]).toBe(outcome);
  });

  it('don’t count one that has left, and one that leaves while they begin does not begin', () => {
    const { join, replay, story } = setUp(2);
    const first = join('first');
    first[Symbol.dispose]();
    const second = join('second');
    expect(story).toEqual([]);
    replay.join({ outcome: () => NOTHING_PAST, begin: () => story.push('third') });
    second[Symbol.dispose]();
    expect(story).toEqual(['null 0 true', 'second', 'third']);
  });
});

describe('at the seam of history and live events', () => {
  const address = { scope: 'shared', broker: 'b', symbol: 's', type: 'trade', interval: null } as const;
  const event = (draft: TradeDraft | CandleDraft): SharedEvent =>
    new SharedEvent(streamKey(address), { ...draft, broker: 'b', symbol: 's', sequence: 1, cursor: '' });
  const trade = (id: number, timeMs = id): SharedEvent => event(tradeDraft({ id, timeMs }));
  const idOf = (each: SharedEvent): string =>
    each.event.type === 'trade' ? each.event.tradeId : each.event.type === 'candle' ? each.event.openTime : '';

  function passed(last: { place: number; timeMs: number } | null, ...events: readonly SharedEvent[]) {
    const got: string[] = [];
    const receiver = { deliver: (update: SharedEvent | SharedBatch) => void got.push(...update.events.map(idOf)) };
    const seam = new Seam(receiver, last, () => got.push('anew'));
    for (const each of events) seam.deliver(each);
    return got;
  }

  it('what history has is left out, one by one and within a batch', () => {
    const last = { place: 10, timeMs: 10 };
    expect(passed(last, trade(9), trade(10), trade(11), trade(12))).toEqual(['11', '12']);
    const batch = new SharedBatch([trade(9), trade(10), trade(11)]);
    expect(passed(last, batch as never, trade(12))).toEqual(['11', '12']);
    expect(passed(null, trade(9))).toEqual(['9']);
  });

  it('a later trade with a lower id is another, and something may be missing before it', () => {
    expect(passed({ place: 1_000, timeMs: 1_000 }, trade(5, 2_000), trade(6, 2_001))).toEqual(['anew', '5', '6']);
  });

  it('no update of a candle comes behind its end, open or closed', () => {
    const [first, second] = closedCandles(2);
    if (first === undefined || second === undefined) throw new Error('two candles');
    const last = { place: Date.parse(first.openTime), timeMs: Date.parse(first.time) };
    const open = (candle: CandleDraft) => event({ ...candle, closed: false });
    expect(passed(last, open(first), event(first), open(second))).toEqual([second.openTime]);
  });
});

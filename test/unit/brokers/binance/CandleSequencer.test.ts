import { describe, expect, it } from 'vitest';
import { CandleSequencer, SecondsJoiner } from '../../../../src/brokers/binance/CandleSequencer.ts';
import type { CandlePlace } from '../../../../src/brokers/binance/CandleSequencer.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { CandleDraft } from '../../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';

const open = (openAt: number, sentAt: number): CandlePlace => ({ openAt, sentAt, closed: false });
const final = (openAt: number, sentAt: number): CandlePlace => ({ openAt, sentAt, closed: true });
const past = (openAt: number, isClosed = true): CandlePlace => ({ openAt, sentAt: null, closed: isClosed });

describe('CandleSequencer', () => {
  it('takes what is missing between history and the first candle for a hole', () => {
    const sequencer = new CandleSequencer();
    sequencer.expectBehind(120);
    sequencer.expectBehind(60);
    for (const openAt of [0, 60, 120]) expect(sequencer.leavesHole(open(openAt, 1), 60)).toBe(false);
    expect(sequencer.leavesHole(open(180, 1), 60)).toBe(true);
    expect(sequencer.resumeAt).toBe(60);
    // From history only what is behind is new; the stream may still end what history has.
    expect(sequencer.accept(past(60))).toBe(false);
    expect(sequencer.accept(final(60, 1))).toBe(true);
    expect(sequencer.accept(past(120))).toBe(true);
    expect(sequencer.resumeAt).toBe(120);
  });

  it.each<[string, readonly CandlePlace[], readonly boolean[]]>([
    [
      'passes updates of a candle in the order of their sending',
      [open(0, 1), open(0, 3), open(0, 2), open(0, 3)],
      [true, true, false, false],
    ],
    [
      'passes an update after the end of its candle, for no clock closes it',
      [open(0, 59), open(0, 62), final(0, 63)],
      [true, true, true],
    ],
    ['closes a candle once', [open(0, 1), final(0, 61), final(0, 61), final(0, 62)], [true, true, false, false]],
    ['drops an update of a closed candle', [final(0, 61), open(0, 62)], [true, false]],
    [
      'never goes back, not for the end of a candle either when the next has begun',
      [open(0, 1), open(60, 61), final(0, 62), open(60, 63)],
      [true, true, false, true],
    ],
    [
      'drops an update of a candle when the next has begun',
      [open(0, 1), open(60, 61), open(0, 62)],
      [true, true, false],
    ],
    [
      'passes what history has of closed candles, and not again',
      [final(0, 61), past(0), past(60), past(120), past(60)],
      [true, false, true, true, false],
    ],
    [
      'passes the open candle of history, and newer updates of it',
      [final(0, 61), past(60, false), open(60, 70), open(60, 71)],
      [true, true, true, true],
    ],
    [
      'does not reopen a candle that history has closed',
      [open(0, 1), past(0), open(0, 59), final(0, 61)],
      [true, true, false, false],
    ],
  ])('%s', (_, places, passed) => {
    const sequencer = new CandleSequencer();
    expect(places.map((place) => sequencer.accept(place))).toEqual(passed);
  });

  it.each<[string, readonly CandlePlace[], CandlePlace, boolean]>([
    ['not before the first', [], open(600, 1), false],
    ['not with another update of the same candle', [open(0, 1)], open(0, 2), false],
    ['not with the next candle once the last was closed', [final(0, 60)], open(60, 61), false],
    ['with the next candle while the last is not closed', [open(0, 1)], open(60, 61), true],
    ['with the one after the next', [final(0, 60)], final(120, 180), true],
  ])('knows if a closed candle was left out: %s', (_, before, place, leavesHole) => {
    const sequencer = new CandleSequencer();
    for (const each of before) sequencer.accept(each);
    expect(sequencer.leavesHole(place, 60)).toBe(leavesHole);
  });

  it('resumes at the last candle that was closed, else at the first that was seen', () => {
    const sequencer = new CandleSequencer();
    expect(sequencer.resumeAt).toBeNull();
    sequencer.accept(open(60, 61));
    sequencer.accept(final(60, 120));
    sequencer.accept(open(120, 121));
    expect(sequencer.resumeAt).toBe(60);
    sequencer.accept(final(120, 181));
    expect(sequencer.resumeAt).toBe(120);
  });
});

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

function second(index: number, closed: boolean, close = '10', volume = '1'): CandleDraft {
  const at = T0 + index * 1_000;
  return {
    type: 'candle',
    time: fromEpochMs(at + 999),
    receivedAt: fromEpochMs(at + 999),
    interval: '1s',
    openTime: fromEpochMs(at),
    closeTime: fromEpochMs(at + 1_000),
    open: decimal('10'),
    high: decimal(close),
    low: decimal('9'),
    close: decimal(close),
    volume: decimal(volume),
    tradeCount: 1,
    closed,
    backfilled: false,
  };
}

const brief = ({ openTime, close, volume, closed }: CandleDraft) =>
  `${openTime.slice(17, 19)} ${close} ${volume} ${closed}`;

function run(joiner: SecondsJoiner, seconds: readonly CandleDraft[]): string[] {
  return seconds.flatMap((one) => joiner.add(one).map(brief));
}

describe('SecondsJoiner', () => {
  it('joins five seconds into one candle, aligned to the minute', () => {
    const candles = [0, 1, 2, 3, 4].map((index) => second(index, true, String(10 + index)));
    expect(run(new SecondsJoiner(), candles)).toEqual([
      '05 10 1 false',
      '05 11 2 false',
      '05 12 3 false',
      '05 13 4 false',
      '05 14 5 true',
    ]);
  });

  it('makes of fetched seconds a candle that has been fetched, and goes on with the stream', () => {
    const joiner = new SecondsJoiner();
    const seconds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => ({ ...second(index, true), backfilled: index < 7 }));
    const closed = seconds.flatMap((each) => joiner.add(each)).filter((each) => each.closed);
    expect(closed.map(({ openTime, volume, backfilled }) => [openTime.slice(17, 19), volume, backfilled])).toEqual([
      ['05', '5', true],
      ['10', '5', false],
    ]);
  });

  it('takes the newest update of a second in place of the one before', () => {
    expect(
      run(new SecondsJoiner(), [second(0, false, '10', '1'), second(0, false, '11', '2'), second(0, true, '12', '3')]),
    ).toEqual(['05 10 1 false', '05 11 2 false', '05 12 3 false']);
  });

  it('waits for the final update of a candle before it begins the next', () => {
    const joiner = new SecondsJoiner();
    expect(
      run(joiner, [
        second(4, false, '10', '1'),
        second(5, false, '20', '1'),
        second(5, false, '21', '2'),
        second(4, true, '11', '7'),
      ]),
    ).toEqual(['05 10 1 false', '05 11 7 true', '10 21 2 false']);
  });

  it('does not wait for ever: a later second that is closed ends it', () => {
    const joiner = new SecondsJoiner();
    expect(run(joiner, [second(3, true), second(5, false), second(5, true, '20')])).toEqual([
      '05 10 1 false',
      '05 10 1 true',
      '10 20 1 false',
    ]);
  });

  it('makes nothing of a candle whose beginning is not known', () => {
    const joiner = new SecondsJoiner();
    joiner.skipUntil(T0 + 5_000);
    expect(run(joiner, [second(3, true), second(4, true), second(5, true)])).toEqual(['10 10 1 false']);
  });
});

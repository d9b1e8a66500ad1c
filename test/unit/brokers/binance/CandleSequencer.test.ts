import { describe, expect, it } from 'vitest';
import { CandleSequencer } from '../../../../src/brokers/binance/CandleSequencer.ts';
import type { CandlePlace } from '../../../../src/brokers/binance/CandleSequencer.ts';

const open = (openAt: number, sentAt: number): CandlePlace => ({ openAt, sentAt, closed: false });
const closed = (openAt: number, sentAt: number): CandlePlace => ({ openAt, sentAt, closed: true });
const past = (openAt: number, isClosed = true): CandlePlace => ({ openAt, sentAt: null, closed: isClosed });

describe('CandleSequencer', () => {
  it.each<[string, readonly CandlePlace[], readonly boolean[]]>([
    [
      'passes updates of a candle in the order of their sending',
      [open(0, 1), open(0, 3), open(0, 2), open(0, 3)],
      [true, true, false, false],
    ],
    [
      'passes an update after the end of its candle, for no clock closes it',
      [open(0, 59), open(0, 62), closed(0, 63)],
      [true, true, true],
    ],
    ['closes a candle once', [open(0, 1), closed(0, 61), closed(0, 61), closed(0, 62)], [true, true, false, false]],
    ['drops an update of a closed candle', [closed(0, 61), open(0, 62)], [true, false]],
    [
      'never goes back, not for the end of a candle either when the next has begun',
      [open(0, 1), open(60, 61), closed(0, 62), open(60, 63)],
      [true, true, false, true],
    ],
    [
      'drops an update of a candle when the next has begun',
      [open(0, 1), open(60, 61), open(0, 62)],
      [true, true, false],
    ],
    [
      'passes what history has of closed candles, and not again',
      [closed(0, 61), past(0), past(60), past(120), past(60)],
      [true, false, true, true, false],
    ],
    [
      'passes the open candle of history, and newer updates of it',
      [closed(0, 61), past(60, false), open(60, 70), open(60, 71)],
      [true, true, true, true],
    ],
    [
      'does not reopen a candle that history has closed',
      [open(0, 1), past(0), open(0, 59), closed(0, 61)],
      [true, true, false, false],
    ],
  ])('%s', (_, places, passed) => {
    const sequencer = new CandleSequencer();
    expect(places.map((place) => sequencer.accept(place))).toEqual(passed);
  });

  it.each<[string, readonly CandlePlace[], CandlePlace, boolean]>([
    ['not before the first', [], open(600, 1), false],
    ['not with another update of the same candle', [open(0, 1)], open(0, 2), false],
    ['not with the next candle once the last was closed', [closed(0, 60)], open(60, 61), false],
    ['with the next candle while the last is not closed', [open(0, 1)], open(60, 61), true],
    ['with the one after the next', [closed(0, 60)], closed(120, 180), true],
  ])('knows where a closed candle was left out: %s', (_, before, place, leavesHole) => {
    const sequencer = new CandleSequencer();
    for (const each of before) sequencer.accept(each);
    expect(sequencer.leavesHole(place, 60)).toBe(leavesHole);
  });

  it('resumes at the last candle that was closed, else at the first that was seen', () => {
    const sequencer = new CandleSequencer();
    expect(sequencer.resumeAt).toBeNull();
    sequencer.accept(open(60, 61));
    sequencer.accept(closed(60, 120));
    sequencer.accept(open(120, 121));
    expect(sequencer.resumeAt).toBe(60);
    sequencer.accept(closed(120, 181));
    expect(sequencer.resumeAt).toBe(120);
  });
});

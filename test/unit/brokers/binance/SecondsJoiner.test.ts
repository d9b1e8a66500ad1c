import { describe, expect, it } from 'vitest';
import { SecondsJoiner } from '../../../../src/brokers/binance/SecondsJoiner.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { CandleDraft } from '../../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';

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

  it('takes the newest word on a second in place of the one before', () => {
    expect(
      run(new SecondsJoiner(), [second(0, false, '10', '1'), second(0, false, '11', '2'), second(0, true, '12', '3')]),
    ).toEqual(['05 10 1 false', '05 11 2 false', '05 12 3 false']);
  });

  it('waits for the last word on a candle before it begins the next', () => {
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

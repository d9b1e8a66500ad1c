import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPrice, toTicks } from '../../venues/oanda/ticks.ts';
import { formatTime, parseTime } from '../../venues/oanda/time.ts';

describe('prices as whole steps', () => {
  it.each([
    [108_452, 5, '1.08452'],
    [7, 5, '0.00007'],
    [304_812, 0, '304812'],
    [-34_125, 1, '-3412.5'],
  ])('%i at precision %i is %s', (ticks, precision, price) => {
    expect([toPrice(ticks, precision), toTicks(price, precision)]).toEqual([price, ticks]);
  });

  it('lose digits beyond the precision, and are refused if they are not plain decimals', () => {
    expect(toTicks('1.23', 5)).toBe(123_000);
    expect(toTicks('1.239', 2)).toBe(123);
    expect(() => toTicks('1e5', 5)).toThrow(RangeError);
  });
});

describe('times', () => {
  it('survive a round trip in either format, to the nanosecond', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }),
        fc.constantFrom('RFC3339' as const, 'UNIX' as const),
        (nanos, format) => {
          expect(parseTime(formatTime(nanos, format))).toBe(nanos);
        },
      ),
    );
  });

  it.each([
    ['2017-06-28T10:00:00Z', 1_498_644_000_000_000_000n],
    ['2017-06-28T12:00:00.5+02:00', 1_498_644_000_500_000_000n],
    ['1491201560', 1_491_201_560_000_000_000n],
    ['1491201560.000000001', 1_491_201_560_000_000_001n],
    ['2017-06-28T10:00:00', null],
    ['1491201560Z', null],
    ['2017-06-28T10:00:00.1234567890Z', null],
    ['2017-13-28T10:00:00Z', null],
    ['now', null],
  ])('%s is %s', (text, nanos) => {
    expect(parseTime(text)).toBe(nanos);
  });

  it('have no point if no digit follows', () => {
    expect(formatTime(1_498_644_000_000_000_000n, 'RFC3339', 0)).toBe('2017-06-28T10:00:00Z');
    expect(formatTime(1_498_644_000_120_000_000n, 'UNIX', 3)).toBe('1498644000.120');
  });
});

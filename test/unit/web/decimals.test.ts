import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDecimals,
  compareDecimals,
  decimalsOf,
  paddingOf,
  shareOf,
  splitZeros,
  subtractDecimals,
} from '../../../web/data/decimals.ts';

const units = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n });
const decimals = fc.integer({ min: 0, max: 12 });
const text = (value: bigint, places: number): string => {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  return `${value < 0n ? '-' : ''}${whole}${places === 0 ? '' : `.${digits.slice(digits.length - places)}`}`;
};

describe('decimal numbers of the page', () => {
  it.each([
    ['0.1', '0.2', '0.3'],
    ['43250.10', '0.005', '43250.105'],
    ['9', '1', '10'],
    ['0.99999999', '0.00000001', '1.00000000'],
    ['123456789012345678901234567890.1', '0.9', '123456789012345678901234567891.0'],
  ])('%s + %s is exactly %s', (a, b, sum) => {
    expect(addDecimals(a, b)).toBe(sum);
    expect(subtractDecimals(sum, b)).toBe(
      text(BigInt(a.replace('.', '')) * 10n ** BigInt(decimalsOf(sum) - decimalsOf(a)), decimalsOf(sum)),
    );
  });

  it('sums of any numbers are those of their smallest units', () => {
    fc.assert(
      fc.property(units, units, decimals, (a, b, places) => {
        expect(addDecimals(text(a, places), text(b, places))).toBe(text(a + b, places));
        expect(Math.sign(compareDecimals(text(a, places), text(b, places)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  it('are compared as numbers, whatever their decimals', () => {
    expect(compareDecimals('9.5', '10')).toBe(-1);
    expect(compareDecimals('1.50', '1.5')).toBe(0);
    expect(compareDecimals('-1', '-2')).toBe(1);
  });

  it('keep every digit when zeros at the end are told apart', () => {
    expect(splitZeros('43250.10')).toEqual(['43250.1', '0']);
    expect(splitZeros('100.00')).toEqual(['100', '.00']);
    expect(splitZeros('1000')).toEqual(['1000', '']);
    expect(splitZeros('0.01')).toEqual(['0.01', '']);
  });

  it('are as wide as the longest of their column', () => {
    expect(paddingOf('1.25', 4)).toHaveLength(2);
    expect(paddingOf('1', 2)).toHaveLength(3);
    expect(paddingOf('1.2345', 4)).toBe('');
  });

  it('a share is between nothing and the whole, also of nothing', () => {
    expect(shareOf('1', '4')).toBe(0.25);
    expect(shareOf('5', '4')).toBe(1);
    expect(shareOf('1', '0')).toBe(0);
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  compare,
  decimal,
  exactUnits,
  fractionDigits,
  fromUnits,
  isDecimal,
  isZero,
  midpoint,
  subtract,
  toUnits,
} from '../../../src/market/decimal.ts';
import type { Decimal } from '../../../src/market/decimal.ts';
import { DIGITS, plainDecimal } from './arbitraries.ts';

/** An exact value: a numerator over a power of ten. */
interface Rational {
  readonly units: bigint;
  readonly places: number;
}

function rational(text: string): Rational {
  const [whole = '', fraction = ''] = text.split('.');
  return {
    units: BigInt(whole.replace('-', '') + fraction) * (text.startsWith('-') ? -1n : 1n),
    places: fraction.length,
  };
}

function at(value: Rational, places: number): bigint {
  return value.units * 10n ** BigInt(places - value.places);
}

const PLACES = 100;
const exact = (text: string): bigint => at(rational(text), PLACES);
const isPlain = /^(0|-?(?!0+(\.0+)?$)(0|[1-9]\d*)(\.\d*[1-9])?)$/;

describe('decimal', () => {
  it.each(['0', '-0', '007', '1.50', '-12.3400', '9'.repeat(40)])('keeps %s digit for digit', (text) => {
    expect(decimal(text)).toBe(text);
  });

  it.each([
    '',
    '.5',
    '5.',
    '1e5',
    '+1',
    ' 1',
    '1\n',
    '1_000',
    '1,5',
    '--1',
    'NaN',
    'Infinity',
    '0x1',
    '١',
    '9'.repeat(41),
  ])('rejects %j', (text) => {
    expect(() => decimal(text)).toThrow(RangeError);
  });

  it('is recognised by plain notation and length alone', () => {
    const unit = fc.constantFrom(...DIGITS, ...DIGITS, '.', '-', 'e', ' ', '\n', '\u0661');
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit, maxLength: 6 }), fc.string({ unit, maxLength: 45 }), plainDecimal()),
        (text) => {
          expect(isDecimal(text)).toBe(
            text.length <= 40 && /^-?[0-9]+(?:\.[0-9]+)?$/.test(text) && !text.endsWith('\n'),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('arithmetic agrees with exact rationals, in plain notation without trailing zeros', () => {
  const operations: readonly [string, (a: Decimal, b: Decimal) => Decimal, (a: string, b: string) => bigint][] = [
    ['add', add, (a, b) => exact(a) + exact(b)],
    ['subtract', subtract, (a, b) => exact(a) - exact(b)],
    ['midpoint', midpoint, (a, b) => (exact(a) + exact(b)) / 2n],
  ];

  it.each(operations)('%s', (_name, operation, expected) => {
    fc.assert(
      fc.property(plainDecimal(), plainDecimal(), (a, b) => {
        const result = operation(a, b);
        expect(result).toMatch(isPlain);
        expect(exact(result)).toBe(expected(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [add(decimal('-1.50'), decimal('1.5'))],
    [subtract(decimal('0'), decimal('0.00'))],
    [midpoint(decimal('-0'), decimal('-0.0'))],
    [add(decimal('-9007199254740993.5'), decimal('9007199254740993.5'))],
  ])('a result of zero prints 0', (result) => {
    expect(result).toBe('0');
  });

  it('numbers beyond a double that nearly cancel out are not rounded first', () => {
    expect(add(decimal('9007199254740993'), decimal('-9007199254740992'))).toBe('1');
    expect(subtract(decimal('9007199254740993'), decimal('9007199254740992'))).toBe('1');
    expect(midpoint(decimal('9007199254740993'), decimal('-9007199254740992'))).toBe('0.5');
  });
});

describe('order', () => {
  it('compare agrees with exact rationals, whatever zeros lead or trail', () => {
    fc.assert(
      fc.property(plainDecimal(), plainDecimal(), (a, b) => {
        expect(Math.sign(compare(a, b))).toBe(exact(a) < exact(b) ? -1 : exact(a) > exact(b) ? 1 : 0);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['58840.6300', '58840.63000000', 0],
    ['007', '7', 0],
    ['-0.00', '0', 0],
    ['-1', '1', -1],
    ['-2', '-1', -1],
    ['0.1', '0.09', 1],
    ['10', '9.99', 1],
    ['9007199254740993', '9007199254740992', 1],
  ])('compares %s with %s: %d', (a, b, expected) => {
    expect(Math.sign(compare(decimal(a), decimal(b)))).toBe(expected);
  });

  it('isZero is by value', () => {
    fc.assert(
      fc.property(plainDecimal(), (value) => {
        expect(isZero(value)).toBe(exact(value) === 0n);
      }),
    );
  });
});

describe('units', () => {
  it('are the value cut off after that many places: exact if safe, else the nearest number', () => {
    fc.assert(
      fc.property(plainDecimal(), fc.integer({ min: 0, max: 30 }), (value, places) => {
        const cut = exact(value) / 10n ** BigInt(PLACES - places);
        expect(toUnits(value, places) + 0).toBe(Number(cut));
      }),
      { numRuns: 3000 },
    );
  });

  it('are exact if they are a safe integer and nothing was cut off', () => {
    fc.assert(
      fc.property(plainDecimal(), fc.integer({ min: 0, max: 22 }), (value, places) => {
        const unit = 10n ** BigInt(PLACES - places);
        const units = Number(exact(value) / unit);
        const isExact = exact(value) % unit === 0n && Number.isSafeInteger(units);
        expect(exactUnits(value, places) + 0).toBe(isExact ? units : Number.NaN);
      }),
      { numRuns: 3000 },
    );
  });

  it('come back as the same text', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 12 }), (units, places) => {
        const text = fromUnits(units, places);
        expect(fractionDigits(text)).toBe(places);
        expect(toUnits(text, places) + 0).toBe(units + 0);
      }),
    );
  });

  it.each([
    [4325010, 2, '43250.10'],
    [5, 3, '0.005'],
    [-5, 3, '-0.005'],
    [0, 0, '0'],
    [-0, 2, '0.00'],
    [42, 0, '42'],
  ])('%d of 10^-%d is %s', (units, places, text) => {
    expect(fromUnits(units, places)).toBe(text);
  });

  it('that a double cannot represent are rejected', () => {
    expect(() => fromUnits(2 ** 53, 0)).toThrow(RangeError);
    expect(() => fromUnits(0.5, 0)).toThrow(RangeError);
  });
});

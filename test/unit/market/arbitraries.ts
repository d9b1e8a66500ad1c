import * as fc from 'fast-check';
import { decimal } from '../../../src/market/decimal.ts';
import type { Decimal } from '../../../src/market/decimal.ts';

export const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...DIGITS), minLength, maxLength });

/** Any plain decimal of at most 40 characters: short ones, long ones, and some that differ only slightly. */
export function plainDecimal(sign: fc.Arbitrary<string> = fc.constantFrom('', '', '-')): fc.Arbitrary<Decimal> {
  const whole = fc.oneof(digits(1, 3), digits(1, 8), digits(15, 19), digits(1, 20));
  const fraction = fc.oneof(fc.constant(''), digits(1, 2), digits(1, 8), digits(1, 18));
  return fc
    .tuple(sign, whole, fraction)
    .map(([minus, left, right]) => decimal(`${minus}${left}${right === '' ? '' : `.${right}`}`));
}

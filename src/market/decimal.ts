import { Big } from 'big.js';

declare const decimalBrand: unique symbol;

/** An exact decimal number as text in plain notation: the venue's own digits where it comes from a venue. */
export type Decimal = string & { readonly [decimalBrand]: true };

/** Digits that a venue may send: more than any market uses, few enough that arithmetic stays cheap. */
const MAX_LENGTH = 40;
const HALF = new Big('0.5');
/** The powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** Takes the text as it is, digit for digit. Throws a RangeError for anything but a plain decimal of at most 40 characters. */
export function decimal(text: string): Decimal {
  if (!isDecimal(text)) throw new RangeError('not a plain decimal number');
  return text;
}

/** True for digits with a sign before or a point between them, or not: `-?\d+(\.\d+)?`, 40 characters at most. */
export function isDecimal(text: string): text is Decimal {
  if (text.length > MAX_LENGTH) return false;
  let digits = 0;
  let hasPoint = false;
  for (let index = text.charCodeAt(0) === MINUS ? 1 : 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= ZERO && code <= ZERO + 9) {
      digits += 1;
    } else if (code === POINT && digits > 0 && !hasPoint) {
      hasPoint = true;
      digits = 0;
    } else {
      return false;
    }
  }
  return digits > 0;
}

/** The sum, without trailing zeros. Results of arithmetic are exact and may be longer than what `decimal` takes. */
export function add(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  return allExact(left, right, left + right) ? trimmed(left + right, places) : plain(new Big(a).plus(b));
}

/** `a` less `b`, without trailing zeros. */
export function subtract(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  return allExact(left, right, left - right) ? trimmed(left - right, places) : plain(new Big(a).minus(b));
}

/** Halfway between two prices, exact, without trailing zeros. */
export function midpoint(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  const tenfold = (left + right) * 5;
  return allExact(left, right, tenfold) ? trimmed(tenfold, places + 1) : plain(new Big(a).plus(b).times(HALF));
}

/** Negative, zero or positive as `a` is below, equal to or above `b`, whatever their trailing zeros. */
export function compare(a: Decimal, b: Decimal): number {
  if (a === b) return 0;
  const negative = a.charCodeAt(0) === MINUS;
  if (negative !== (b.charCodeAt(0) === MINUS)) return isZero(a) && isZero(b) ? 0 : negative ? -1 : 1;
  return negative ? compareMagnitudes(b, a) : compareMagnitudes(a, b);
}

/** By value: `0`, `0.00` and `0.00000000` all are. */
export function isZero(value: Decimal): boolean {
  // Sign and point come before the digits in Unicode.
  for (let index = 0; index < value.length; index += 1) if (value.charCodeAt(index) > ZERO) return false;
  return true;
}

/** How many digits stand behind the point, trailing zeros included. */
export function fractionDigits(value: Decimal): number {
  const point = value.indexOf('.');
  return point === -1 ? 0 : value.length - point - 1;
}

/**
 * The value in units of 10^-places, digits beyond `places` cut off: exact while the result is a safe integer, else the
 * nearest number. Never out of order: of two values the greater one never has the lesser result.
 */
export function toUnits(value: Decimal, places: number): number {
  const units = exactUnits(value, places);
  return Number.isNaN(units) ? nearestUnits(value, places) : units;
}

/** The value in units of 10^-places (22 of them at most) where that is a safe integer; NaN where it is none. */
export function exactUnits(value: Decimal, places: number): number {
  const negative = value.charCodeAt(0) === MINUS;
  let units = 0;
  let index = negative ? 1 : 0;
  for (; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code === POINT) break;
    units = units * 10 + (code - ZERO);
  }
  let missing = places;
  for (index += 1; index < value.length && missing > 0; index += 1) {
    units = units * 10 + (value.charCodeAt(index) - ZERO);
    missing -= 1;
  }
  for (; index < value.length; index += 1) if (value.charCodeAt(index) !== ZERO) return Number.NaN;
  if (missing > 0) units *= POWERS_OF_TEN[missing] ?? Number.NaN;
  if (!(units <= Number.MAX_SAFE_INTEGER)) return Number.NaN;
  return negative ? -units : units;
}

/** The decimal that is so many units of 10^-places, with exactly that many digits behind the point. */
export function fromUnits(units: number, places: number): Decimal {
  if (!Number.isSafeInteger(units)) throw new RangeError('not a whole number that is exact');
  const digits = String(Math.abs(units)).padStart(places + 1, '0');
  const point = digits.length - places;
  const text = places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return branded(units < 0 ? `-${text}` : text);
}

/** The way of `toUnits` for what a double can't hold: the conversion of the language, which rounds correctly. */
function nearestUnits(value: Decimal, places: number): number {
  const [whole = '', fraction = ''] = value.split('.');
  return Number(whole + fraction.slice(0, places).padEnd(places, '0'));
}

/** Digit by digit, whatever zeros lead or trail; a sign is ignored. */
function compareMagnitudes(a: string, b: string): number {
  const pointA = wholeEnd(a);
  const pointB = wholeEnd(b);
  const digits = Math.max(pointA, pointB);
  for (let place = digits; place > 0; place -= 1) {
    const difference = digitAt(a, pointA - place) - digitAt(b, pointB - place);
    if (difference !== 0) return difference;
  }
  const fraction = Math.max(a.length - pointA, b.length - pointB);
  for (let place = 1; place < fraction; place += 1) {
    const difference = digitAt(a, pointA + place) - digitAt(b, pointB + place);
    if (difference !== 0) return difference;
  }
  return 0;
}

function wholeEnd(text: string): number {
  const point = text.indexOf('.');
  return point === -1 ? text.length : point;
}

/** Zero for the sign and beyond either end. */
function digitAt(text: string, index: number): number {
  if (index < 0 || index >= text.length) return 0;
  const code = text.charCodeAt(index);
  return code >= ZERO ? code - ZERO : 0;
}

function allExact(left: number, right: number, result: number): boolean {
  return Number.isSafeInteger(left) && Number.isSafeInteger(right) && Number.isSafeInteger(result);
}

function trimmed(units: number, places: number): Decimal {
  let whole = units;
  let kept = places;
  while (kept > 0 && whole % 10 === 0) {
    whole /= 10;
    kept -= 1;
  }
  return fromUnits(whole, kept);
}

function plain(value: Big): Decimal {
  return branded(value.toFixed());
}

function branded(text: string): Decimal {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whoever calls it has made or checked the text
  return text as Decimal;
}

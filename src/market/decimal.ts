import { Big } from 'big.js';

declare const decimalBrand: unique symbol;

/** An exact decimal number as text in plain notation. A number from a venue keeps the venue's digits. */
export type Decimal = string & { readonly [decimalBrand]: true };

/** The longest number that is accepted: longer than any market needs, and short enough that arithmetic stays cheap. */
const MAX_LENGTH = 40;
const HALF = new Big('0.5');
/** The powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** Accepts the text digit for digit. Throws a RangeError if it is not a plain decimal of at most 40 characters. */
export function decimal(text: string): Decimal {
  if (!isDecimal(text)) throw new RangeError('not a plain decimal number');
  return text;
}

/** True for a plain decimal, `-?\d+(\.\d+)?`, of at most 40 characters. */
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

/** The sum, without trailing zeros. Results of arithmetic are exact and may be longer than `decimal` accepts. */
export function add(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  return allExact(left, right, left + right) ? trimmed(left + right, places) : plain(new Big(a).plus(b));
}

/** The difference `a` − `b`, without trailing zeros. */
export function subtract(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  return allExact(left, right, left - right) ? trimmed(left - right, places) : plain(new Big(a).minus(b));
}

/** The exact middle between two prices, without trailing zeros. */
export function midpoint(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(fractionDigits(a), fractionDigits(b));
  const left = toUnits(a, places);
  const right = toUnits(b, places);
  const tenfold = (left + right) * 5;
  return allExact(left, right, tenfold) ? trimmed(tenfold, places + 1) : plain(new Big(a).plus(b).times(HALF));
}

/** Compares by value: negative, zero or positive if `a` is less than, equal to or greater than `b`. */
export function compare(a: Decimal, b: Decimal): number {
  if (a === b) return 0;
  const negative = a.charCodeAt(0) === MINUS;
  if (negative !== (b.charCodeAt(0) === MINUS)) return isZero(a) && isZero(b) ? 0 : negative ? -1 : 1;
  return negative ? compareMagnitudes(b, a) : compareMagnitudes(a, b);
}

/** True if the value is zero, however it is written: `0`, `0.00`, `-0.0`. */
export function isZero(value: Decimal): boolean {
  // Sign and point come before the digits in Unicode.
  for (let index = 0; index < value.length; index += 1) if (value.charCodeAt(index) > ZERO) return false;
  return true;
}

/** The number of digits after the point, including trailing zeros. */
export function fractionDigits(value: Decimal): number {
  const point = value.indexOf('.');
  return point === -1 ? 0 : value.length - point - 1;
}

/**
 * The value in units of 10^-places; digits beyond `places` are cut off. The result is exact if it is a safe integer, otherwise it
 * is the nearest number. It keeps the order: a greater value never has a smaller result.
 */
export function toUnits(value: Decimal, places: number): number {
  const units = exactUnits(value, places);
  return Number.isNaN(units) ? nearestUnits(value, places) : units;
}

/** The value in units of 10^-places (`places` is at most 22), or NaN if that is not a safe integer. */
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

/** The decimal `units` × 10^-places, with exactly `places` digits after the point. */
export function fromUnits(units: number, places: number): Decimal {
  if (!Number.isSafeInteger(units)) throw new RangeError('not a safe integer');
  const digits = String(Math.abs(units)).padStart(places + 1, '0');
  const point = digits.length - places;
  const text = places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return branded(units < 0 ? `-${text}` : text);
}

/** For values that a double can't hold exactly: JavaScript's own conversion rounds correctly. */
function nearestUnits(value: Decimal, places: number): number {
  const [whole = '', fraction = ''] = value.split('.');
  return Number(whole + fraction.slice(0, places).padEnd(places, '0'));
}

/** Compares digit by digit. Leading and trailing zeros make no difference, and a sign is ignored. */
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

/** The digit at the index; zero for the sign and beyond either end. */
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- callers have made or checked the text
  return text as Decimal;
}

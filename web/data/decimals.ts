import type { Decimal } from '../../client/index.ts';

const FIGURE_SPACE = '\u2007';
const PUNCTUATION_SPACE = '\u2008';

/** How many digits a number has behind its point. */
export function decimalsOf(value: Decimal): number {
  const point = value.indexOf('.');
  return point === -1 ? 0 : value.length - point - 1;
}

/** The exact sum of two numbers, with the decimals of the one that has more. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const decimals = Math.max(decimalsOf(a), decimalsOf(b));
  const sum = toUnits(a, decimals) + toUnits(b, decimals);
  return fromUnits(sum, decimals);
}

/** Below, equal to or above zero, as `a` is smaller than, equal to or greater than `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const decimals = Math.max(decimalsOf(a), decimalsOf(b));
  const difference = toUnits(a, decimals) - toUnits(b, decimals);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The exact difference of two numbers. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, b.startsWith('-') ? b.slice(1) : `-${b}`);
}

/** A part of a whole from 0 to 1. It is an approximation, good enough to draw a bar. */
export function shareOf(part: Decimal, whole: Decimal): number {
  const share = Number(part) / Number(whole);
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

/** Spaces as wide as the digits that this number lacks, so that the points of a column stand below each other. */
export function paddingOf(value: Decimal, decimals: number): string {
  const own = decimalsOf(value);
  if (own >= decimals) return '';
  return (own === 0 ? PUNCTUATION_SPACE : '') + FIGURE_SPACE.repeat(decimals - own);
}

/** The digits that say something, and the zeros behind them. Together they are the number as the venue wrote it. */
export function splitZeros(value: Decimal): readonly [string, string] {
  if (decimalsOf(value) === 0) return [value, ''];
  const [zeros = ''] = /\.?0+$/.exec(value) ?? [''];
  return [value.slice(0, value.length - zeros.length), zeros];
}

function toUnits(value: Decimal, decimals: number): bigint {
  return BigInt(value.replace('.', '') + '0'.repeat(decimals - decimalsOf(value)));
}

function fromUnits(units: bigint, decimals: number): Decimal {
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const text = decimals === 0 ? whole : `${whole}.${digits.slice(digits.length - decimals)}`;
  return units < 0n ? `-${text}` : text;
}

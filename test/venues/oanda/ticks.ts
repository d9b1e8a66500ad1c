/** A price in steps of 10^-displayPrecision, the finest that the venue prints for the instrument. */
export type Ticks = number;

/** Converts a plain decimal; digits beyond the precision are cut. */
export function toTicks(price: string, precision: number): Ticks {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(price);
  if (match === null) throw new RangeError(`not a plain decimal: ${price}`);
  const [, sign, whole = '0', fraction = ''] = match;
  const ticks = Number(`${whole}${fraction.slice(0, precision).padEnd(precision, '0')}`);
  return sign === '-' ? -ticks : ticks;
}

/** Formats a price as the venue does: padded to the precision. */
export function toPrice(ticks: Ticks, precision: number): string {
  const digits = String(Math.abs(ticks)).padStart(precision + 1, '0');
  const sign = ticks < 0 ? '-' : '';
  if (precision === 0) return `${sign}${digits}`;
  return `${sign}${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

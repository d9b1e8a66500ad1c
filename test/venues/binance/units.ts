/** A price or a quantity in steps of 10⁻⁸, the finest the venue prints. */
export type Units = bigint;

const SCALE = 100_000_000n;

/** Converts plain decimal text or a number; digits beyond the eighth are cut. */
export function toUnits(value: string | number): Units {
  const text = typeof value === 'number' ? value.toFixed(8) : value;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw new RangeError(`not a plain decimal: ${text}`);
  const [, sign, whole = '0', fraction = ''] = match;
  const units = BigInt(whole) * SCALE + BigInt(fraction.slice(0, 8).padEnd(8, '0'));
  return sign === '-' ? -units : units;
}

/** Formats as the venue does: eight decimals, no exponent. */
export function toText(units: Units): string {
  const digits = (units < 0n ? -units : units).toString().padStart(9, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/** Price × quantity. */
export function product(a: Units, b: Units): Units {
  return (a * b) / SCALE;
}

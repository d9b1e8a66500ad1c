import { Big } from 'big.js';

/** Where the venue writes a size as a number: `1000000`, `1000000.0`, and what a double prints as, `1.0E7`. */
const EXACT_MEMBERS: ReadonlySet<string> = new Set(['liquidity']);
const WITH_EXPONENT = /^-?\d{1,20}(?:\.\d{1,20})?[eE][+-]?\d{1,2}$/;

/** JSON in which sizes that are numbers become text with the venue's own digits. Throws as JSON.parse does. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, digitsOf);
}

function digitsOf(member: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || !EXACT_MEMBERS.has(member)) return value;
  const { source } = context ?? {};
  if (source === undefined) return value;
  return WITH_EXPONENT.test(source) ? new Big(source).toFixed() : source;
}

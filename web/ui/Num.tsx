import type { JSX } from 'preact';
import type { Decimal } from '../../client/index.ts';
import { paddingOf, splitZeros } from '../data/decimals.ts';

/** A number with the venue's own digits. Zeros at its end are fainter, and points of a column stand below each other. */
export function Num({ value, decimals = 0 }: { readonly value: Decimal; readonly decimals?: number }): JSX.Element {
  const [digits, zeros] = splitZeros(value);
  const padding = paddingOf(value, decimals);
  return (
    <span class="num">
      {digits}
      {zeros === '' ? null : <span class="zeros">{zeros}</span>}
      {padding}
    </span>
  );
}

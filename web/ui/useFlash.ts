import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Decimal } from '../../client/index.ts';
import { compareDecimals } from '../data/decimals.ts';

const FLASH_MS = 350;
const still = matchMedia('(prefers-reduced-motion: reduce)');

/** Lets an element flash when its value rises or falls, and sets `data-move` to say so without colour or motion. */
export function useFlash(value: Decimal | null): RefObject<HTMLTableCellElement | null> {
  const cell = useRef<HTMLTableCellElement>(null);
  const before = useRef<Decimal | null>(null);
  useLayoutEffect(() => {
    const last = before.current;
    before.current = value;
    const move = last === null || value === null ? 0 : compareDecimals(value, last);
    if (move === 0 || cell.current === null) return;
    cell.current.dataset['move'] = move > 0 ? 'up' : 'down';
    if (still.matches) return;
    cell.current.animate(
      [{ backgroundColor: move > 0 ? 'var(--up-flash)' : 'var(--down-flash)' }, { backgroundColor: 'transparent' }],
      // A few steps look the same as a smooth course, and are painted a few times in place of twenty.
      { duration: FLASH_MS, easing: 'steps(5)' },
    );
  }, [value]);
  return cell;
}

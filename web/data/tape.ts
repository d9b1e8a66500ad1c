import type { FeedGap, FeedStatus, Trade } from '../../client/index.ts';

/** A line of the tape: a trade, or the place where trades are missing. */
export type TapeRow =
  | { readonly kind: 'trade'; readonly key: string; readonly trade: Trade }
  | { readonly kind: 'gap'; readonly key: string; readonly gap: FeedGap; readonly reason: string | null };

/** So many lines are kept; those that are older fall off. */
const TAPE_ROWS = 60;

/**
 * Puts new events onto the tape, newest first. A trade that is on it already is not put there again, and a gap in the trades gets a
 * line of its own.
 */
export function mergeTape(
  rows: readonly TapeRow[],
  events: readonly (Trade | FeedStatus)[],
  most: number = TAPE_ROWS,
): readonly TapeRow[] {
  const known = new Set(rows.map(({ key }) => key));
  const fresh: TapeRow[] = [];
  for (const event of events.slice(-4 * most)) {
    const row = rowOf(event);
    if (row === null || known.has(row.key)) continue;
    known.add(row.key);
    fresh.push(row);
  }
  return fresh.length === 0 ? rows : [...fresh.slice(-most).toReversed(), ...rows].slice(0, most);
}

function rowOf(event: Trade | FeedStatus): TapeRow | null {
  if (event.__typename === 'Trade') return { kind: 'trade', key: event.cursor, trade: event };
  const { gap, reason, cursor } = event;
  return gap?.type === 'TRADE' ? { kind: 'gap', key: `gap ${cursor}`, gap, reason } : null;
}

import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import { cursorPrefix, formatCursor, NO_EPOCH } from '../market/cursor.ts';
import { SHARED, streamKey } from '../market/marketData.ts';
import type { FeedStatus } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';

/** The content of a status, and its place in its stream; by default it stands in none. */
export type OwnStatus = Pick<FeedStatus, 'broker' | 'symbol' | 'state'> & Partial<FeedStatus>;

/** The place of an event that belongs to no stream. */
const NO_PLACE = { sequence: 0, cursor: formatCursor(cursorPrefix('-'.repeat(8), NO_EPOCH), 0) };

/** A status that one subscription alone gets, because it concerns nobody else. */
export function ownStatus(status: OwnStatus, nowMs: number): SharedEvent {
  const now = fromEpochMs(nowMs);
  const { broker, symbol } = status;
  const key = streamKey({ scope: SHARED, broker, symbol, type: 'status', interval: null });
  const rest = { time: now, receivedAt: now, since: now, reason: null, gap: null, replay: null };
  return new SharedEvent(key, { type: 'status', ...NO_PLACE, ...rest, ...status });
}

import { cursorPrefix, formatCursor, NO_EPOCH } from '../market/cursor.ts';
import { isSameFeed } from './feeds.ts';
import type { FeedName } from './feeds.ts';
import type { FeedStanding, FeedState, FeedStatus } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';

/** The status of a symbol that was reported last. */
interface LastReport {
  readonly last: FeedStatus | null;
  readonly state: FeedState;
  readonly reason: string | null;
}

const NO_REPORT: LastReport = { last: null, state: 'live', reason: null };
/** The place of a status that stands in no stream. */
const NO_PLACE = { sequence: 0, cursor: formatCursor(cursorPrefix('-'.repeat(8), NO_EPOCH), 0) };

/**
 * The statuses of one symbol of a recording. It holds what its recorder saw of the recorded feeds together, so each of
 * these feeds is said to be so: every subscriber of some of them sees the same.
 */
export class ReplayedStatuses {
  readonly #symbol: { readonly broker: string; readonly symbol: string };
  readonly #feeds: readonly FeedName[];
  /** Feeds that somebody wants, and that are not in the recording. */
  readonly #absent: FeedName[] = [];
  #told = NO_REPORT;

  constructor(symbol: { readonly broker: string; readonly symbol: string }, feeds: readonly FeedName[]) {
    this.#symbol = symbol;
    this.#feeds = feeds;
  }

  /** A status of the recording, as it is published. */
  recorded(status: FeedStatus): FeedStatus {
    const { state, reason, gap } = status;
    const known = this.#told;
    // The reason of a gap is no reason for the state.
    const standing = { state, reason: gap === null ? reason : state === known.state ? known.reason : null };
    this.#told = { last: status, ...standing };
    return { ...status, feeds: this.#standings(status, standing) };
  }

  /** A status of the replay itself, which stands where the last one of the recording does. */
  own(state: FeedState, reason: string, nowMs: number): FeedStatus {
    const now = fromEpochMs(nowMs);
    const { sequence, cursor } = this.#told.last ?? NO_PLACE;
    this.#told = { ...this.#told, state, reason };
    const rest = { time: now, receivedAt: now, since: now, gap: null, replay: null };
    const status: FeedStatus = { type: 'status', ...this.#symbol, sequence, cursor, state, reason, ...rest };
    return { ...status, feeds: this.#standings(status, { state, reason }) };
  }

  /** Somebody wants a feed that was not recorded. Returns what is to be published of that; null if it has been. */
  lacks(feed: FeedName, nowMs: number): FeedStatus | null {
    if ([...this.#feeds, ...this.#absent].some((each) => isSameFeed(each, feed))) return null;
    this.#absent.push(feed);
    const now = fromEpochMs(nowMs);
    const { last, state, reason } = this.#told;
    const fresh = { time: now, receivedAt: now, since: now, replay: null };
    const status: FeedStatus = {
      type: 'status',
      ...this.#symbol,
      ...NO_PLACE,
      ...fresh,
      ...last,
      state,
      reason,
      gap: null,
    };
    // Nothing is known yet of the other feeds if nothing has been played.
    const standings = last === null ? this.#absentStandings(status) : this.#standings(status, { state, reason });
    return { ...status, feeds: standings };
  }

  /** Everything begins anew. */
  clear(): void {
    this.#told = NO_REPORT;
  }

  #standings(status: FeedStatus, standing: Pick<FeedStanding, 'state' | 'reason'>): readonly FeedStanding[] {
    const { since, gap } = status;
    const recorded = this.#feeds.map((feed) => ({
      ...feed,
      ...standing,
      since,
      gap: gap?.type === feed.type ? gap : null,
    }));
    return [...recorded, ...this.#absentStandings(status)];
  }

  #absentStandings({ since }: FeedStatus): readonly FeedStanding[] {
    return this.#absent.map((feed) => ({
      ...feed,
      state: 'closed',
      reason: `The recording has no ${nameOf(feed)}.`,
      since,
      gap: null,
    }));
  }
}

function nameOf({ type, interval }: FeedName): string {
  return interval === null ? type : `${type} of ${interval}`;
}

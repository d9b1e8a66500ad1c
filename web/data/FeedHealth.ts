import type { FeedState, MarketData } from '../../client/index.ts';

/** How a feed is at a moment. */
export interface FeedReport {
  readonly state: FeedState | null;
  readonly reason: string | null;
  /** When the last event of the market came, in monotonic milliseconds; null before the first. */
  readonly lastAtMs: number | null;
  readonly perSecond: number;
  /** From the venue's time to the gateway's, and from there to this page. Clocks of different machines may disagree. */
  readonly venueMs: number | null;
  readonly pageMs: number | null;
  readonly gaps: number;
}

interface Arrival {
  readonly atMs: number;
  readonly wallMs: number;
}

const RATE_WINDOW_MS = 3_000;
/** The weight of a new measurement among those before it. */
const WEIGHT = 0.2;
const STATES_WORST_FIRST: readonly FeedState[] = ['CLOSED', 'RECOVERING', 'STALE', 'LIVE'];

/** Counts and measures what comes over a feed. It keeps figures only, never events. */
export class FeedHealth {
  readonly #states = new Map<string, { readonly state: FeedState; readonly reason: string | null }>();
  #counts: readonly { readonly atMs: number; readonly count: number }[] = [];
  #count = 0;
  #lastAtMs: number | null = null;
  #venueMs: number | null = null;
  #pageMs: number | null = null;
  #gaps = 0;

  take(event: MarketData, { atMs, wallMs }: Arrival): void {
    const isOfThePast = 'backfilled' in event && event.backfilled;
    if (!isOfThePast) this.#count += 1;
    if (event.__typename === 'FeedStatus') {
      this.#states.set(event.symbol, { state: event.state, reason: event.reason });
      if (event.gap !== null || event.replay?.complete === false) this.#gaps += 1;
      return;
    }
    this.#lastAtMs = atMs;
    if (isOfThePast) return;
    const receivedMs = Date.parse(event.receivedAt);
    // An event that was kept for the beginning says nothing about the way that a new one takes.
    if (wallMs - receivedMs > RATE_WINDOW_MS) return;
    this.#venueMs = smooth(this.#venueMs, receivedMs - Date.parse(event.time));
    this.#pageMs = smooth(this.#pageMs, wallMs - receivedMs);
  }

  report(nowMs: number): FeedReport {
    this.#counts = [
      ...this.#counts.filter(({ atMs }) => nowMs - atMs <= RATE_WINDOW_MS),
      { atMs: nowMs, count: this.#count },
    ];
    const [first = { atMs: nowMs, count: this.#count }] = this.#counts;
    const seconds = (nowMs - first.atMs) / 1_000;
    const states = [...this.#states.values()];
    const [worst] = STATES_WORST_FIRST.flatMap((state) => states.filter((known) => known.state === state));
    return {
      state: worst?.state ?? (this.#lastAtMs === null ? null : 'LIVE'),
      reason: worst?.reason ?? null,
      lastAtMs: this.#lastAtMs,
      perSecond: seconds > 0 ? (this.#count - first.count) / seconds : 0,
      venueMs: this.#venueMs,
      pageMs: this.#pageMs,
      gaps: this.#gaps,
    };
  }
}

/** Events with the same key replace each other while they wait to be drawn. */
export function bufferKey(event: MarketData): string {
  switch (event.__typename) {
    case 'Tick':
    case 'OrderBook':
      return `${event.type} ${event.symbol}`;
    case 'Candle':
      return `${event.type} ${event.symbol} ${event.openTime}`;
    case 'Trade':
    case 'FeedStatus':
      return `${event.type} ${event.symbol} ${event.cursor}`;
    default:
      return event satisfies never;
  }
}

function smooth(before: number | null, value: number): number {
  return before === null ? value : before + WEIGHT * (value - before);
}

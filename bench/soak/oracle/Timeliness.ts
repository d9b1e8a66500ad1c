import type { FeedState, FeedType } from '../clients/events.ts';
import type { Wish } from '../clients/wishes.ts';
import type { BrokerHistory } from './BrokerHistory.ts';

/** Whether anything else explains that a client is behind, or a feed not live. Times as of `nowMs`. */
export interface Calm {
  /** Until when the broker, its venue or the whole gateway was last out of order for a while. */
  disturbedUntilMs(broker: string): number;
  /** Until when the client was last cut off, slow, or suspended on purpose. */
  clientDisturbedUntilMs(): number;
}

export interface TimelinessOptions {
  readonly wish: Wish;
  readonly calm: Calm;
  readonly history: BrokerHistory;
  /** How long a feed may be live without what the venue has made. @default what suits a gateway whose venues fail */
  readonly silenceMs?: Readonly<Record<FeedType, number>>;
}

interface Behind {
  readonly type: FeedType;
  readonly sinceMs: number | null;
}

/** After this time without what the venue has made, a feed is told to be stale: `staleAfterMs` and ten of its usual gaps. */
const SILENCE_MS: Readonly<Record<FeedType, number>> = { tick: 9_000, orderbook: 9_000, trade: 25_000, candle: 25_000 };
/** So long a feed may take until it is live again. Of a book, more than five times a minute is not fetched. */
const RECOVERY_MS = 30_000;
const BOOK_RECOVERY_MS = 100_000;
/** A client that can read again has read what waits for it within this time. */
const CATCH_UP_MS = 8_000;

/** What is certain of a broker is told within this time. */
const TOLD_MS = 3_000;

/** Judges whether one client is told in time how the feeds of a symbol are. */
export class Timeliness {
  readonly #options: TimelinessOptions;
  #state: FeedState = 'live';
  #sinceMs = 0;
  #disturbedMs = 0;

  constructor(options: TimelinessOptions) {
    this.#options = options;
  }

  open(atMs: number): void {
    this.#state = 'live';
    this.#sinceMs = atMs;
    this.#disturbedMs = atMs;
  }

  disturb(atMs: number): void {
    this.#disturbedMs = atMs;
  }

  state(state: FeedState, atMs: number): void {
    // From one trouble into the next is no recovery.
    if ((state === 'live') !== (this.#state === 'live')) this.#sinceMs = atMs;
    this.#state = state;
  }

  /** Returns what is wrong at this moment. */
  judge(behind: readonly Behind[], nowMs: number): readonly string[] {
    const { calm, wish, history } = this.#options;
    if (!wish.status) return [];
    const disturbedMs = Math.max(this.#disturbedMs, calm.clientDisturbedUntilMs());
    if (nowMs - disturbedMs < CATCH_UP_MS) return [];
    const expected = history.expected(wish.broker, nowMs);
    if (expected !== null && expected.state !== this.#state && nowMs - expected.sinceMs > TOLD_MS) {
      this.#disturbedMs = nowMs;
      const seconds = Math.round((nowMs - expected.sinceMs) / 1_000);
      return [`${this.#state.toUpperCase()}, but for ${seconds} s it is ${expected.state.toUpperCase()}`];
    }
    if (this.#state === 'live') return this.#silences(behind, nowMs, disturbedMs);
    const calmMs = Math.max(this.#sinceMs, disturbedMs, calm.disturbedUntilMs(wish.broker));
    const limitMs = wish.types.includes('orderbook') ? BOOK_RECOVERY_MS : RECOVERY_MS;
    if (nowMs - calmMs <= limitMs) return [];
    this.#disturbedMs = nowMs;
    return [
      `${this.#state.toUpperCase()} for ${Math.round((nowMs - this.#sinceMs) / 1_000)} s, long after the last fault`,
    ];
  }

  #silences(behind: readonly Behind[], nowMs: number, disturbedMs: number): readonly string[] {
    const { silenceMs = SILENCE_MS, wish } = this.#options;
    const silent = behind.filter(({ type, sinceMs }) => {
      if (sinceMs === null) return false;
      return nowMs - Math.max(sinceMs, this.#sinceMs, disturbedMs) > silenceMs[type] + wish.throttleMs;
    });
    if (silent.length > 0) this.#disturbedMs = nowMs;
    return silent.map(({ type, sinceMs }) => {
      const seconds = Math.round((nowMs - (sinceMs ?? nowMs)) / 1_000);
      return `LIVE, but for ${seconds} s there was no ${type}, although the venue has had newer ones`;
    });
  }
}

import type { Candle, FeedStatus, MarketData, OrderBookUpdate, Tick, Trade } from '../../market/marketData.ts';
import { assertNever } from '../../shared/errors.ts';

/** Messages are counted over so long. */
const RATE_SECONDS = 5;

/** The newest data of one symbol, for somebody who looks at it. Times are monotonic milliseconds. */
export class WatchedSymbol {
  readonly name: string;
  tick: Tick | null = null;
  trade: Trade | null = null;
  candle: Candle | null = null;
  book: OrderBookUpdate | null = null;
  status: FeedStatus | null = null;
  gaps = 0;
  /** When the last event came that is no status. */
  lastEventMs: number | null = null;
  #statusMs = 0;
  /** How many messages came in each of the last seconds. */
  readonly #counts = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
  }

  apply(event: MarketData, nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
    for (const old of this.#counts.keys()) if (old < second - RATE_SECONDS) this.#counts.delete(old);
    if (event.type !== 'status') this.lastEventMs = nowMs;
    switch (event.type) {
      case 'tick':
        this.tick = event;
        break;
      case 'trade':
        this.trade = event;
        break;
      case 'candle':
        this.candle = event;
        break;
      case 'orderbook':
        this.book = event;
        break;
      case 'status':
        if (event.gap !== null) this.gaps += 1;
        this.status = event;
        this.#statusMs = nowMs;
        break;
      default:
        assertNever(event);
    }
  }

  /** Messages a second. */
  rate(nowMs: number): number {
    const second = Math.floor(nowMs / 1_000);
    let sum = 0;
    for (const [at, count] of this.#counts) if (at < second && at >= second - RATE_SECONDS) sum += count;
    return sum / RATE_SECONDS;
  }

  /** The state of its feeds in words, and how old that is: "live 40 ms", "stale 12 s". */
  standing(nowMs: number): string {
    const state = this.status?.state ?? (this.lastEventMs === null ? 'waiting' : 'live');
    const sinceMs = state === 'live' ? this.lastEventMs : this.status === null ? null : this.#statusMs;
    return sinceMs === null ? state : `${state} ${ageText(nowMs - sinceMs)}`;
  }
}

/** A duration in the unit that suits it. */
function ageText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms / 10) * 10)} ms`;
  if (ms < 120_000) return `${Math.floor(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`;
}

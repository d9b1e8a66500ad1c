import { effect, signal } from '@preact/signals';
import type { MarketData, MarketDataRequest } from '../../client/index.ts';
import { subscribeMarketData } from '../../client/index.ts';
import { pageClock } from '../ui/clock.ts';
import { bufferKey, FeedHealth } from './FeedHealth.ts';
import type { FeedReport } from './FeedHealth.ts';
import { frames, isAway, moment } from './frames.ts';
import { generation, link, socket } from './gateway.ts';
import { problemOf } from './problems.ts';
import type { Problem } from './problems.ts';

export interface FeedOptions {
  readonly request: MarketDataRequest;
  /** Takes everything that came since the last frame: of ticks and books the newest, of trades all that fit. */
  readonly draw: (events: readonly MarketData[]) => void;
  /** It draws no more often than this: what is expensive to draw need not be so in every frame. */
  readonly everyMs: number;
}

/** So many events wait for the next frame at most. The oldest go first, which a tape or a chart would drop anyway. */
const MAX_WAITING = 1_500;
/** A page that nobody sees asks for this throttle. */
const AWAY_THROTTLE_MS = 2_000;
const RETRY_MS = 3_000;
const EMPTY: FeedReport = {
  state: null,
  reason: null,
  lastAtMs: null,
  perSecond: 0,
  venueMs: null,
  pageMs: null,
  gaps: 0,
};

/**
 * A panel's subscription. It draws at most once a frame, asks for less while nobody looks, goes on where it was afterwards, and is
 * opened again where that may help. Whoever opened it disposes of it.
 */
export class Feed implements Disposable {
  /** How the feed is; renewed some times a second. */
  readonly report = signal<FeedReport>(EMPTY);
  /** Why there is no subscription; null if there is one. */
  readonly problem = signal<Problem | null>(null);
  readonly #options: FeedOptions;
  readonly #health = new FeedHealth();
  readonly #waiting = new Map<string, MarketData>();
  /** The last cursor of each stream. */
  readonly #cursors = new Map<string, string>();
  readonly #owned = new DisposableStack();
  #unsubscribe: (() => void) | null = null;
  #retry: Disposable | null = null;
  #drawnAtMs = -Infinity;
  #pause: Disposable | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#owned.defer(
      effect(() => {
        // Both are reasons to subscribe anew. What is read below is none.
        const throttled = isAway.value;
        void generation.value;
        this.#open(throttled);
      }),
    );
    this.#owned.defer(
      effect(() => {
        this.report.value = this.#health.report(moment.value);
      }),
    );
    this.#owned.defer(() => {
      this.#close();
      this.#pause?.[Symbol.dispose]();
      frames.cancel(this.#draw);
    });
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #open(throttled: boolean): void {
    this.#close();
    const { request } = this.#options;
    const options = { ...request.options, ...(throttled ? { throttleMs: AWAY_THROTTLE_MS } : {}) };
    const resume = [...this.#cursors.values()];
    const asked = { ...request, options, ...(resume.length > 0 ? { resume } : {}) };
    let isOpen = true;
    const unsubscribe = subscribeMarketData(socket, asked, {
      next: (event) => {
        if (isOpen) this.#take(event);
      },
      error: (problem) => {
        if (isOpen) this.#fail(problemOf(problem));
      },
      complete: () => {
        if (isOpen) this.#fail(null);
      },
    });
    this.#unsubscribe = () => {
      isOpen = false;
      unsubscribe();
    };
  }

  #close(): void {
    this.#retry?.[Symbol.dispose]();
    this.#retry = null;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  #take(event: MarketData): void {
    if (this.problem.peek() !== null) this.problem.value = null;
    this.#cursors.set(`${event.broker} ${event.symbol} ${event.type}`, event.cursor);
    this.#health.take(event, { atMs: pageClock.monotonic(), wallMs: pageClock.now() });
    this.#waiting.set(bufferKey(event), event);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#askToDraw();
  }

  #askToDraw(): void {
    if (this.#pause !== null) return;
    const pauseMs = this.#drawnAtMs + this.#options.everyMs - pageClock.monotonic();
    if (pauseMs <= 0) frames.request(this.#draw);
    else {
      this.#pause = pageClock.after(pauseMs, () => {
        this.#pause = null;
        frames.request(this.#draw);
      });
    }
  }

  #fail(problem: Problem | null): void {
    if (link.peek() === 'refused') return;
    this.problem.value = problem;
    if (problem === null || problem.retryable) {
      this.#retry = pageClock.after(RETRY_MS, () => {
        this.#open(isAway.peek());
      });
    }
  }

  readonly #draw = (): void => {
    const events = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#drawnAtMs = pageClock.monotonic();
    if (events.length > 0) this.#options.draw(events);
  };
}

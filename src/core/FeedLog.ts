import type { FeedState } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';

export interface FeedLogOptions {
  /** Names the broker in its lines. */
  readonly logger: Logger;
  readonly clock: Clock;
  /** True while the whole broker is away. */
  readonly isAway: () => boolean;
}

/** Lines of a kind are at least so far apart. */
const PERIOD_MS = 10_000;
/** More symbols are only counted. */
const NAMED = 5;

/** The symbols of one line. */
interface Line {
  readonly symbols: Set<string>;
  reason: string | null;
}

/**
 * Logs which symbols can't be relied on, and which can again. The first of them is logged at once, and what follows
 * within ten seconds in one line: a thousand feeds may fall silent together. Feeds that are lost with the whole broker,
 * which is a line of its own, are logged only if they are not live some time after it is back.
 */
export class FeedLog implements Disposable {
  readonly #options: FeedLogOptions;
  /** Symbols of which it was noted that they can't be relied on. */
  readonly #bad = new Set<string>();
  /** Symbols that recover since this turn of the event loop, each with the reason. */
  readonly #recovering = new Map<string, string | null>();
  #turn: Disposable | null = null;
  /** Symbols that were lost with their broker, each with the newest reason. */
  readonly #lost = new Map<string, string | null>();
  #patience: Disposable | null = null;
  #troubled: Line = { symbols: new Set(), reason: null };
  #live: Line = { symbols: new Set(), reason: null };
  #pause: Disposable | null = null;

  constructor(options: FeedLogOptions) {
    this.#options = options;
  }

  note(symbol: string, state: FeedState, reason: string | null): void {
    this.#recovering.delete(symbol);
    if (state === 'recovering') {
      // Feeds may be reported as lost just before their broker is.
      this.#recovering.set(symbol, reason);
      this.#turn ??= this.#options.clock.turn(() => {
        this.#turn = null;
        this.#judge();
      });
    } else {
      this.#lost.delete(symbol);
      this.#take(symbol, state, reason);
    }
  }

  /** Nobody wants the symbol any more. */
  forget(symbol: string): void {
    this.#recovering.delete(symbol);
    this.#lost.delete(symbol);
    this.#bad.delete(symbol);
  }

  [Symbol.dispose](): void {
    for (const timer of [this.#turn, this.#patience, this.#pause]) timer?.[Symbol.dispose]();
    this.#turn = null;
    this.#patience = null;
    this.#pause = null;
  }

  #judge(): void {
    const { clock, isAway } = this.#options;
    for (const [symbol, reason] of this.#recovering) {
      if (isAway() || this.#lost.has(symbol)) this.#lost.set(symbol, reason);
      else this.#take(symbol, 'recovering', reason);
    }
    this.#recovering.clear();
    if (isAway() || this.#lost.size === 0) return;
    this.#patience ??= clock.after(PERIOD_MS, () => {
      this.#patience = null;
      if (isAway()) return;
      for (const [symbol, reason] of this.#lost) this.#take(symbol, 'recovering', reason);
      this.#lost.clear();
    });
  }

  #take(symbol: string, state: FeedState, reason: string | null): void {
    if (state === 'stale' || state === 'recovering') {
      if (this.#bad.has(symbol)) return;
      this.#bad.add(symbol);
      this.#troubled.symbols.add(symbol);
      this.#troubled.reason ??= reason;
    } else if (this.#bad.delete(symbol) && state === 'live') {
      this.#live.symbols.add(symbol);
    }
    if (this.#pause === null) this.#write();
  }

  #write(): void {
    const { clock, logger } = this.#options;
    const [troubled, live] = [this.#troubled, this.#live];
    if (troubled.symbols.size + live.symbols.size === 0) return;
    this.#troubled = { symbols: new Set(), reason: null };
    this.#live = { symbols: new Set(), reason: null };
    if (troubled.symbols.size > 0) logger.warn({ ...named(troubled), reason: troubled.reason }, 'feeds in trouble');
    if (live.symbols.size > 0) logger.info(named(live), 'feeds live again');
    this.#pause = clock.after(PERIOD_MS, () => {
      this.#pause = null;
      this.#write();
    });
  }
}

function named({ symbols }: Line): { readonly symbols: readonly string[]; readonly count: number } {
  return { symbols: [...symbols].slice(0, NAMED), count: symbols.size };
}

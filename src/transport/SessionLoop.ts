import { Backoff } from '../shared/backoff.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Random } from '../shared/random.ts';
import type { SlidingWindow } from './SlidingWindow.ts';

/** How a session came to its end. */
export interface SessionEnd {
  /** A short sentence for a person. */
  readonly reason: string;
  /** How long the other side asked us to wait; 0 if it did not. */
  readonly retryAfterMs: number;
}

/** One session, as its owner sees it while it runs. */
export interface VenueSession {
  /** Aborted when the loop is closed; the session must end then. */
  readonly signal: AbortSignal;
  /** Data has flowed: the next backoff begins from its base again. */
  flowing(): void;
}

/** The state of a session loop. */
export type SessionState =
  | { readonly kind: 'connecting'; readonly attempt: number }
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'closed' };

export interface SessionLoopOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly reconnect: { readonly baseMs: number; readonly maxMs: number };
  /** Limits connection attempts; shared by everything that connects to the same place. */
  readonly attempts: SlidingWindow;
  /** Opens one session and resolves when it has ended. What it throws ends it, too. */
  readonly run: (session: VenueSession) => Promise<SessionEnd>;
  readonly onState: (state: SessionState) => void;
}

/**
 * Keeps one session alive: opens it, waits for its end, backs off with full jitter, opens the next. One state machine
 * with one timer, so that no failure is ever handled twice. Its creator owns it until `close()`.
 */
export class SessionLoop implements AsyncDisposable {
  readonly #options: SessionLoopOptions;
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: SessionLoopOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...options.reconnect, random: options.random });
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, onState } = this.#options;
    while (!signal.aborted) {
      await this.#waitForLeave(signal);
      if (signal.aborted) break;
      const end = await this.#runOnce(signal);
      if (signal.aborted) break;
      const delayMs = Math.round(this.#backoff.next(end.retryAfterMs));
      onState({ kind: 'waiting', delayMs, reason: end.reason });
      await sleep(clock, delayMs, signal);
    }
    onState({ kind: 'closed' });
  }

  async #waitForLeave(signal: AbortSignal): Promise<void> {
    const { clock, attempts, onState } = this.#options;
    while (!signal.aborted && !attempts.tryTake()) {
      const delayMs = attempts.delayMs;
      onState({ kind: 'waiting', delayMs, reason: 'Too many connection attempts of late.' });
      await sleep(clock, delayMs, signal);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<SessionEnd> {
    this.#options.onState({ kind: 'connecting', attempt: this.#backoff.attempt + 1 });
    try {
      return await this.#options.run({
        signal,
        flowing: () => {
          this.#backoff.reset();
        },
      });
    } catch (error) {
      this.#options.logger.error({ err: error }, 'session failed');
      return { reason: 'The session failed for a fault of ours.', retryAfterMs: 0 };
    }
  }
}

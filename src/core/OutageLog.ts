import type { Clock } from '../shared/clock.ts';
import { assertNever } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { BrokerStanding } from './brokerInfo.ts';

export interface OutageLogOptions {
  /** Names the broker in its lines. */
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A broker that serves only a part of its feeds is logged if that lasts: most of it passes while it starts. */
const PATIENCE_MS = 5_000;

/** Logs one line when a broker can no longer serve, and one when it can again, however often it tries meanwhile. */
export class OutageLog implements Disposable {
  readonly #options: OutageLogOptions;
  /** When it was logged that the broker is away, on the monotonic clock; null if it is not. */
  #awaySinceMs: number | null = null;
  /** The newest reason why it does not serve everything. */
  #reason: string | null = null;
  #patience: Disposable | null = null;

  constructor(options: OutageLogOptions) {
    this.#options = options;
  }

  /** To be called with every change of the broker's standing; more often does no harm. */
  note({ state, reason }: Pick<BrokerStanding, 'state' | 'reason'>): void {
    this.#reason = reason;
    if (state !== 'degraded') this[Symbol.dispose]();
    switch (state) {
      case 'connected':
        this.#back();
        break;
      case 'disconnected':
        this.#away('broker away');
        break;
      case 'degraded':
        if (this.#awaySinceMs !== null) break;
        this.#patience ??= this.#options.clock.after(PATIENCE_MS, () => {
          this.#patience = null;
          this.#away('broker serves only a part');
        });
        break;
      case 'connecting':
        break;
      case 'disabled':
        // An administrator's wish is no outage.
        this.#awaySinceMs = null;
        break;
      default:
        assertNever(state);
    }
  }

  [Symbol.dispose](): void {
    this.#patience?.[Symbol.dispose]();
    this.#patience = null;
  }

  #away(message: string): void {
    if (this.#awaySinceMs !== null) return;
    this.#awaySinceMs = this.#options.clock.monotonic();
    this.#options.logger.warn({ reason: this.#reason }, message);
  }

  #back(): void {
    const sinceMs = this.#awaySinceMs;
    if (sinceMs === null) return;
    this.#awaySinceMs = null;
    const awaySeconds = Math.round((this.#options.clock.monotonic() - sinceMs) / 1_000);
    this.#options.logger.info({ awaySeconds }, 'broker back');
  }
}

import type { Clock } from '../shared/clock.ts';
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
  #patience: Disposable | null = null;

  constructor(options: OutageLogOptions) {
    this.#options = options;
  }

  /** To be called with every change of the broker's standing. */
  note({ state, reason }: Pick<BrokerStanding, 'state' | 'reason'>): void {
    const { clock } = this.#options;
    if (state !== 'degraded') this.#hold();
    switch (state) {
      case 'connected':
        this.#back();
        break;
      case 'disconnected':
        this.#away('broker away', reason);
        break;
      case 'degraded':
        if (this.#awaySinceMs !== null) break;
        this.#hold();
        this.#patience = clock.after(PATIENCE_MS, () => {
          this.#patience = null;
          this.#away('broker serves only a part', reason);
        });
        break;
      case 'connecting':
        break;
      case 'disabled':
        // An administrator's wish is no outage.
        this.#awaySinceMs = null;
    }
  }

  [Symbol.dispose](): void {
    this.#hold();
  }

  #hold(): void {
    this.#patience?.[Symbol.dispose]();
    this.#patience = null;
  }

  #away(message: string, reason: string | null): void {
    if (this.#awaySinceMs !== null) return;
    this.#awaySinceMs = this.#options.clock.monotonic();
    this.#options.logger.warn({ reason }, message);
  }

  #back(): void {
    const sinceMs = this.#awaySinceMs;
    if (sinceMs === null) return;
    this.#awaySinceMs = null;
    const awaySeconds = Math.round((this.#options.clock.monotonic() - sinceMs) / 1_000);
    this.#options.logger.info({ awaySeconds }, 'broker back');
  }
}

import type { StreamStart } from '../../market/cursor.ts';
import { addressOf } from '../../market/marketData.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import { KEPT_MS } from '../NumberedStream.ts';
import { beforeFirst, ReplayLog } from './ReplayLog.ts';

export interface ReplayLogsOptions {
  readonly clock: Clock;
  /** `feeds.replayBytes`: what all logs together may take. */
  readonly maxBytes: number;
}

/** The ages of events are known with this accuracy, because asking the clock for each would take long. */
const TICK_MS = 1_000;
/** The oldest tenth of what is kept goes at a time. */
const SHARE = 1 / 10;
/** Logs that are held don't shrink at first, so it is not tried for ever. */
const MAX_SHRINKS = 24;

/** The logs of all streams that may not lose anything, within one bound: the oldest events go first. */
export class ReplayLogs implements Disposable {
  readonly #options: ReplayLogsOptions;
  readonly #logs = new Map<StreamKey, ReplayLog>();
  readonly #sweeping: Disposable;
  #bytes = 0;
  #isShrinking = false;
  #nowMs: number;

  constructor(options: ReplayLogsOptions) {
    this.#options = options;
    const { clock } = options;
    this.#nowMs = clock.monotonic();
    this.#sweeping = clock.every(TICK_MS, () => {
      this.#nowMs = clock.monotonic();
      this.#sweep();
    });
  }

  get size(): number {
    return this.#logs.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The log of a stream that begins, behind these events of the past. */
  open(key: StreamKey, start: StreamStart, past: readonly MarketData[] = []): ReplayLog {
    const log = this.#logs.get(key) ?? this.#make(key, { ...start, sequence: beforeFirst(start, past) });
    log.reopen(start, past);
    return log;
  }

  get(key: StreamKey): ReplayLog | null {
    return this.#logs.get(key) ?? null;
  }

  [Symbol.dispose](): void {
    this.#sweeping[Symbol.dispose]();
    this.#logs.clear();
    this.#bytes = 0;
  }

  #make(key: StreamKey, start: StreamStart): ReplayLog {
    const address = addressOf(key);
    const log = new ReplayLog({
      key,
      address,
      start,
      now: () => this.#nowMs,
      onBytes: (change) => {
        this.#bytes += change;
        if (change > 0 && this.#bytes > this.#options.maxBytes) this.#shrink();
      },
    });
    this.#logs.set(key, log);
    return log;
  }

  #sweep(): void {
    const now = this.#nowMs;
    for (const [key, log] of this.#logs) {
      log.dropBefore(now - KEPT_MS);
      if (log.endedAtMs === null || now - log.endedAtMs < KEPT_MS) continue;
      log.dropBefore(Number.POSITIVE_INFINITY, { isForced: true });
      this.#logs.delete(key);
    }
  }

  /** Events that subscribers are still to be sent go last. */
  #shrink(): void {
    if (this.#isShrinking) return;
    this.#isShrinking = true;
    const now = this.#nowMs;
    const logs = [...this.#logs.values()];
    for (let round = 0; round < MAX_SHRINKS && this.#bytes > this.#options.maxBytes; round += 1) {
      const oldestMs = Math.min(now, ...logs.map(({ oldestAtMs }) => oldestAtMs ?? now));
      const isForced = round >= MAX_SHRINKS / 2;
      const isLast = round === MAX_SHRINKS - 1;
      const until = isLast ? Number.POSITIVE_INFINITY : oldestMs + (now - oldestMs) * SHARE + 1;
      for (const log of logs) log.dropBefore(until, { isForced });
    }
    this.#isShrinking = false;
  }
}

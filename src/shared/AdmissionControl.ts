import { readFileSync } from 'node:fs';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Clock } from './clock.ts';
import { GatewayError } from './errors.ts';
import type { Logger } from './logger.ts';

/** File descriptors that are reserved for venues, files and the runtime itself. */
const RESERVED_FILES = 64;
/** Above this part of the heap no new client is let in: those who are connected need the rest. */
const HEAP_FOR_CLIENTS = 0.8;
/** Above this part no new operation is started for connected clients either. */
const HEAP_FOR_OPERATIONS = 0.9;
const SAMPLE_MS = 100;
const RETRY_AFTER_MS = 5_000;
/** How often it is measured how late a timer is. */
const BEAT_MS = 100;
/** The event loop is held up if a timer is later than this. */
const LATE_MS = 500;
/**
 * No new client is let in while timers are this late on average of the last few, and no new operation is started while they are
 * that late: one long turn is no overload. Only what the event loop itself has worked counts: if others use the processor,
 * refusing clients would not help.
 */
const LATE_FOR_CLIENTS_MS = 250;
const LATE_FOR_OPERATIONS_MS = 500;
const SMOOTHING = 0.2;
/** It counts as held up until no timer was that late for this long, so that whoever looks every second sees it. */
const EASE_MS = 1_000;

/**
 * How many client connections the process can have open at a time (its limit of open files), or null if the system does not
 * say.
 */
export function socketsForClients(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Math.max(1, Number(soft) - RESERVED_FILES);
  } catch {
    return null;
  }
}

/** Admission control measures with these. */
export interface AdmissionControlOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The used part of the heap, 0 to 1. @default the heap of this process */
  readonly usedHeap?: () => number;
  /** The processor time that the event loop has used, in milliseconds. @default that of this thread */
  readonly busyMs?: () => number;
}

/** The part of admission control that concerns the operations of connected clients. */
export type OperationAdmission = Pick<AdmissionControl, 'admitOperation'>;

/**
 * Decides whether the gateway takes on anything new: it does not while the heap is nearly full, while the event loop can't keep
 * up, and once it is shutting down. Those who are connected keep what they have.
 */
export class AdmissionControl implements Disposable {
  readonly #options: Required<AdmissionControlOptions>;
  #timer: Disposable | null = null;
  #used = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #beatAtMs = Number.POSITIVE_INFINITY;
  #busyAtBeatMs = 0;
  /** When a timer was last found to be late. */
  #lateAtMs = Number.NEGATIVE_INFINITY;
  #averageLateMs = 0;
  #wasHeldUp = false;
  #isDraining = false;

  constructor(options: AdmissionControlOptions) {
    this.#options = { usedHeap, busyMs: threadBusyMs, ...options };
  }

  /** Begins to watch the event loop. What holds it up before, while the gateway starts, is no overload. */
  start(): void {
    const { busyMs, clock } = this.#options;
    this.#beatAtMs = clock.monotonic();
    this.#busyAtBeatMs = busyMs();
    this.#timer ??= clock.every(BEAT_MS, () => {
      this.#beat();
    });
  }

  /** True while the event loop is held up, or was within the last second. */
  get isHeldUp(): boolean {
    const { clock, logger } = this.#options;
    const now = clock.monotonic();
    const lateMs = this.#lateMs(now);
    if (lateMs > LATE_MS) {
      if (!this.#wasHeldUp) logger.warn({ lateMs }, 'the event loop is held up');
      this.#wasHeldUp = true;
      this.#lateAtMs = now;
    }
    return now - this.#lateAtMs < EASE_MS;
  }

  /** Takes on nothing new from now on, because the gateway is shutting down. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Why no new connection may be let in just now; null if it may. */
  refuseConnection(): GatewayError | null {
    if (this.#isDraining) return shuttingDown();
    if (this.#heapUse() > HEAP_FOR_CLIENTS) return busy('is short of memory', RETRY_AFTER_MS);
    return this.#averageLateMs > LATE_FOR_CLIENTS_MS ? busy('is overloaded', EASE_MS) : null;
  }

  /** Must be called before an operation is started for a client. Throws RATE_LIMITED. */
  admitOperation(): void {
    if (this.#isDraining) throw shuttingDown();
    if (this.#heapUse() > HEAP_FOR_OPERATIONS) throw busy('is short of memory', RETRY_AFTER_MS);
    if (this.#averageLateMs > LATE_FOR_OPERATIONS_MS) throw busy('is overloaded', EASE_MS);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #beat(): void {
    const isHeldUp = this.isHeldUp;
    if (this.#wasHeldUp && !isHeldUp) this.#options.logger.info('the event loop keeps up again');
    this.#wasHeldUp = isHeldUp;
    const now = this.#options.clock.monotonic();
    const busyMs = this.#options.busyMs();
    const ownLateMs = Math.min(this.#lateMs(now), busyMs - this.#busyAtBeatMs);
    this.#averageLateMs += SMOOTHING * (ownLateMs - this.#averageLateMs);
    this.#beatAtMs = now;
    this.#busyAtBeatMs = busyMs;
  }

  /** How late the timer is by now. */
  #lateMs(now: number): number {
    return Math.max(0, Math.round(now - this.#beatAtMs - BEAT_MS));
  }

  /** Measured ten times a second at most. */
  #heapUse(): number {
    const { clock, usedHeap: used } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sampledAtMs >= SAMPLE_MS) {
      this.#used = used();
      this.#sampledAtMs = now;
    }
    return this.#used;
  }
}

function threadBusyMs(): number {
  const { system, user } = process.threadCpuUsage();
  return (system + user) / 1_000;
}

const MIB = 1_048_576;
/** V8's own limit for half of the young generation, and ours (`npm start`). */
const SEMI_SPACE_MIB = 16;

/**
 * The used part of the old generation, which is what runs out: V8's limit of the heap has room for the young generation too,
 * three semi-spaces, and an old generation can never have that.
 */
function usedHeap(): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  const young = getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name.startsWith('new_'))
    .reduce((sum, { space_used_size: size }) => sum + size, 0);
  return (used - young) / (limit - 3 * semiSpaceMib(process.execArgv) * MIB);
}

function semiSpaceMib(flags: readonly string[]): number {
  const given = flags.flatMap((flag) => /^--max[-_]semi[-_]space[-_]size=(\d+)$/.exec(flag)?.[1] ?? []).at(-1);
  return given === undefined ? SEMI_SPACE_MIB : Number(given);
}

function busy(how: string, retryAfterMs: number): GatewayError {
  const message = `The gateway ${how} and takes on nothing new; try again later.`;
  return new GatewayError('RATE_LIMITED', message, { httpStatus: 503, retryAfterMs });
}

/** The error that whatever comes during the shutdown is refused with. */
export function shuttingDown(): GatewayError {
  const message = 'The gateway is shutting down; connect again in a moment.';
  return new GatewayError('RATE_LIMITED', message, { httpStatus: 503, retryAfterMs: EASE_MS });
}

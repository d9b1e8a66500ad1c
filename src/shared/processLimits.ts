import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from './clock.ts';
import { GatewayError } from './errors.ts';

/** File descriptors that are reserved for venues, files and the runtime itself. */
const RESERVED_FILES = 64;
/** Above this part of the heap no new client is let in: those who are connected need the rest. */
const HEAP_FOR_CLIENTS = 0.8;
/** Above this part no new operation is started for connected clients either. */
const HEAP_FOR_OPERATIONS = 0.9;
const SAMPLE_MS = 100;
const RETRY_AFTER_MS = 5_000;

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

/** A HeapWatch measures with these. */
export interface HeapWatchOptions {
  readonly clock: Clock;
  /** The used part of the heap, 0 to 1. @default the heap of this process */
  readonly used?: () => number;
}

/** Tells how full the JavaScript heap is. It measures ten times a second at most. */
export class HeapWatch {
  readonly #options: Required<HeapWatchOptions>;
  #used = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeapWatchOptions) {
    this.#options = { used: usedHeap, ...options };
  }

  /** True if no new connection should be let in. */
  get isFullForConnections(): boolean {
    return this.#sample() > HEAP_FOR_CLIENTS;
  }

  /** Must be called before an operation is started for a client. Throws RATE_LIMITED if memory is short. */
  admitOperation(): void {
    if (this.#sample() <= HEAP_FOR_OPERATIONS) return;
    const message = 'The gateway is short of memory and starts nothing new; try again later.';
    throw new GatewayError('RATE_LIMITED', message, { retryAfterMs: RETRY_AFTER_MS });
  }

  #sample(): number {
    const { clock, used } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sampledAtMs >= SAMPLE_MS) {
      this.#used = used();
      this.#sampledAtMs = now;
    }
    return this.#used;
  }
}

function usedHeap(): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  return used / limit;
}

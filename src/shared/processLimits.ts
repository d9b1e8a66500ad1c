import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from './clock.ts';
import { GatewayError } from './errors.ts';

/** Kept back for what is not a client's connection: venues, files, and what the runtime itself has open. */
const RESERVED_FILES = 64;
/** While so much of the heap is used nobody new is let in; what runs needs the rest. */
const HEAP_FOR_CLIENTS = 0.8;
/** A little later nothing more is begun for those who are there. */
const HEAP_FOR_OPERATIONS = 0.9;
const LOOK_AGAIN_MS = 100;
const RETRY_AFTER_MS = 5_000;

/** How many connections of clients the process can have open; null where the system does not say. */
export function socketsForClients(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Math.max(1, Number(soft) - RESERVED_FILES);
  } catch {
    return null;
  }
}

export interface HeapWatchOptions {
  readonly clock: Clock;
  /** The part of the heap that is used, 0 to 1. @default that of this process */
  readonly used?: () => number;
}

/** How near the JavaScript heap is to its end, looked at anew ten times a second at most. */
export class HeapWatch {
  readonly #options: Required<HeapWatchOptions>;
  #used = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeapWatchOptions) {
    this.#options = { used: usedHeap, ...options };
  }

  /** No new connection should be let in. */
  get isFullForConnections(): boolean {
    return this.#look() > HEAP_FOR_CLIENTS;
  }

  /** To be called before anything is begun for a client. Throws RATE_LIMITED. */
  admitOperation(): void {
    if (this.#look() <= HEAP_FOR_OPERATIONS) return;
    const message = 'The gateway is short of memory and begins nothing new; try again later.';
    throw new GatewayError('RATE_LIMITED', message, { retryAfterMs: RETRY_AFTER_MS });
  }

  #look(): number {
    const { clock, used } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lookedAtMs >= LOOK_AGAIN_MS) {
      this.#used = used();
      this.#lookedAtMs = now;
    }
    return this.#used;
  }
}

function usedHeap(): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  return used / limit;
}

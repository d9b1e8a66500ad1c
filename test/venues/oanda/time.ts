import type { Now } from '../timing.ts';

/** Nanoseconds since the epoch. */
export type Nanos = bigint;
/** The format of times that a client requests in the header Accept-Datetime-Format. */
export type TimeFormat = 'RFC3339' | 'UNIX';

const SECOND = 1_000_000_000n;

/** The venue's clock: its times in nanoseconds are all different, so that each message is later than the one before. */
export class VenueTime {
  readonly #now: Now;
  #last: Nanos = 0n;
  #count = 0;

  constructor(now: Now) {
    this.#now = now;
  }

  nowMs(): number {
    return this.#now();
  }

  /**
   * The current time, later than any stamp before. The last three digits are made up, because the machine's clock is
   * coarser.
   */
  stamp(): Nanos {
    this.#count += 1;
    const now = BigInt(Math.floor(this.#now() * 1000)) * 1000n + BigInt((this.#count * 389) % 1000);
    this.#last = now > this.#last ? now : this.#last + 1n;
    return this.#last;
  }
}

export function nanosOf(epochMs: number): Nanos {
  return BigInt(Math.floor(epochMs)) * 1_000_000n;
}

export function msOf(nanos: Nanos): number {
  return Number(nanos / 1_000_000n);
}

/**
 * Formats a time as the venue does; fewer than nine fraction digits cut the rest off, and zero digits keep the point.
 */
export function formatTime(nanos: Nanos, format: TimeFormat, digits = 9): string {
  const fraction = (nanos % SECOND).toString().padStart(9, '0').slice(0, digits);
  const tail = fraction === '' ? '' : `.${fraction}`;
  if (format === 'UNIX') return `${nanos / SECOND}${tail}`;
  return `${new Date(msOf(nanos)).toISOString().slice(0, 19)}${tail}Z`;
}

/** Reads either format, with 0 to 9 fraction digits; null for anything else. */
export function parseTime(text: string): Nanos | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|\d+)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null) return null;
  const [, whole = '', fraction = '', zone] = match;
  const isUnix = !whole.includes('T');
  if (isUnix !== (zone === undefined)) return null;
  const epochMs = isUnix ? Number(whole) * 1000 : Date.parse(`${whole}${zone}`);
  if (!Number.isSafeInteger(epochMs)) return null;
  return nanosOf(epochMs) + BigInt(fraction.padEnd(9, '0'));
}

/** The unit of the venue's times, chosen by a connection's `timeUnit` or a request's X-MBX-TIME-UNIT. */
export type TimeUnit = 'ms' | 'us';

/** Null for a unit that the venue does not know. */
export function parseTimeUnit(text: string | null | undefined): TimeUnit | null {
  switch (text?.toUpperCase()) {
    case undefined:
    case 'MILLISECOND':
      return 'ms';
    case 'MICROSECOND':
      return 'us';
    default:
      return null;
  }
}

export function inUnit(epochMs: number, unit: TimeUnit): number {
  return unit === 'ms' ? Math.floor(epochMs) : Math.floor(epochMs) * 1000;
}

/** The last instant before `endMs`. */
export function justBefore(endMs: number, unit: TimeUnit): number {
  return inUnit(endMs, unit) - 1;
}

/** Time parameters of requests may be in either unit; the magnitude shows which. */
export function parameterToMs(value: number): number {
  return value > 100_000_000_000_000 ? Math.floor(value / 1000) : value;
}

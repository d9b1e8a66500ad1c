import { fromEpochMs, parseTimestamp } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';

/** An instant as the venue tells it. */
export interface VenueTime {
  /** Since the epoch, exact: what prices of one instrument are ordered by. */
  readonly ns: bigint;
  /** Since the epoch; what is finer is cut off. */
  readonly ms: number;
  /** With the venue's own digits of a second. */
  readonly text: Timestamp;
}

const UNIX = /^(\d{1,12})(\.\d{1,9})?$/;
const NS_PER_MS = 1_000_000n;

/**
 * Takes both forms that the venue has, whichever was asked for: RFC 3339 in UTC (`2016-10-27T08:38:43.094548890Z`) and
 * seconds since the epoch (`1477557523.094548890`), each with 0 to 9 digits behind the point. Undefined for anything else.
 */
export function parseVenueTime(text: string): VenueTime | undefined {
  try {
    const timestamp = parseTimestamp(toRfc3339(text));
    const [second = '', fraction = ''] = timestamp.slice(0, -1).split('.');
    const digits = fraction.padEnd(9, '0');
    const secondMs = Date.parse(`${second}Z`);
    return {
      ns: BigInt(secondMs) * NS_PER_MS + BigInt(digits),
      ms: secondMs + Number(digits.slice(0, 3)),
      text: timestamp,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function toRfc3339(text: string): string {
  const [, seconds, fraction = ''] = UNIX.exec(text) ?? [];
  return seconds === undefined ? text : `${fromEpochMs(Number(seconds) * 1_000).slice(0, 19)}${fraction}Z`;
}

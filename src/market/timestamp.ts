declare const timestampBrand: unique symbol;

/** An instant in UTC as RFC 3339 text, with the precision of its source: `2026-11-23T07:30:04.123456Z`. */
export type Timestamp = string & { readonly [timestampBrand]: true };

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Parses RFC 3339 text with any offset and 0 to 9 fraction digits, and keeps those digits. Throws a RangeError for any other
 * text, for a date or time that does not exist, for a leap second (which JavaScript can't represent) and for an instant outside
 * the years 0 to 9999 UTC.
 */
export function parseTimestamp(text: string): Timestamp {
  const match = RFC_3339.exec(text);
  if (match === null) throw new RangeError('not an RFC 3339 time');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', offset = ''] = match;
  const inCalendar = Number(day) >= 1 && Number(day) <= daysIn(Number(year), Number(month));
  if (!inCalendar || !inDay(hour, minute) || Number(second) > 59) throw new RangeError('no such date or time');
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  if (offset === 'Z' || offset === 'z') return branded(`${local}${fraction}Z`);
  if (!inDay(offset.slice(1, 3), offset.slice(4))) throw new RangeError('not an offset from UTC');
  return branded(`${fromEpochMs(Date.parse(`${local}${offset}`)).slice(0, 19)}${fraction}Z`);
}

/** Converts milliseconds since the epoch; a fraction is rounded down. Throws a RangeError outside the years 0 to 9999. */
export function fromEpochMs(epochMs: number): Timestamp {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastSecond.epoch) lastSecond = { epoch: second, text: secondText(second) };
  return branded(`${lastSecond.text}${MILLISECONDS[Math.floor(epochMs) - second * 1000] ?? ''}`);
}

/** Formats times; remembers the last one, for many events come in one millisecond. */
export function memoizedStamp(): (epochMs: number) => Timestamp {
  let lastMs = 0;
  let last = fromEpochMs(0);
  return (epochMs) => {
    if (epochMs !== lastMs) {
      last = fromEpochMs(epochMs);
      lastMs = epochMs;
    }
    return last;
  };
}

/** Like `fromEpochMs`, but keeps the microseconds that are in the fraction. */
export function fromEpochMicros(epochMs: number): Timestamp {
  const wholeMs = Math.floor(epochMs);
  const micros = Math.round((epochMs - wholeMs) * 1000);
  const text = fromEpochMs(wholeMs);
  return micros === 0 ? text : branded(`${text.slice(0, -1)}${String(micros).padStart(3, '0')}Z`);
}

/** The texts from `.000Z` to `.999Z`. */
const MILLISECONDS: readonly string[] = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}Z`);
/** The last text up to the second is kept: many events share a second, and formatting a date is expensive. */
let lastSecond = { epoch: 0, text: '1970-01-01T00:00:00' };

function secondText(second: number): string {
  const text = new Date(second * 1000).toISOString();
  if (text.length !== 24) throw new RangeError('outside the years 0 to 9999');
  return text.slice(0, 19);
}

/** Converts to milliseconds since the epoch; finer digits are cut off. */
export function toEpochMs(timestamp: Timestamp): number {
  const { text, epochMs } = lastParsed;
  if (
    timestamp.startsWith(text) &&
    timestamp.charCodeAt(SECONDS_END) === DOT &&
    timestamp.length >= WITH_MILLISECONDS
  ) {
    const fraction = digitAt(timestamp, 20) * 100 + digitAt(timestamp, 21) * 10 + digitAt(timestamp, 22);
    if (!Number.isNaN(fraction)) return epochMs + fraction;
  }
  const parsed = Date.parse(timestamp);
  lastParsed = { text: timestamp.slice(0, SECONDS_END), epochMs: Math.floor(parsed / 1_000) * 1_000 };
  return parsed;
}

const SECONDS_END = 19;
const WITH_MILLISECONDS = 24;
const DOT = 46;
const ZERO = 48;
/** The last text up to the second is kept: many events share a second, and parsing a date is expensive. */
let lastParsed = { text: 'never', epochMs: 0 };

function digitAt(text: string, index: number): number {
  const digit = text.charCodeAt(index) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}

function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && isLeap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

function inDay(hour: string, minute: string): boolean {
  return Number(hour) <= 23 && Number(minute) <= 59;
}

function branded(text: string): Timestamp {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- callers have made or checked the text
  return text as Timestamp;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The usual length of each granularity; days, weeks and months follow a calendar. */
export const GRANULARITIES = {
  S5: 5 * SECOND,
  S10: 10 * SECOND,
  S15: 15 * SECOND,
  S30: 30 * SECOND,
  M1: MINUTE,
  M2: 2 * MINUTE,
  M4: 4 * MINUTE,
  M5: 5 * MINUTE,
  M10: 10 * MINUTE,
  M15: 15 * MINUTE,
  M30: 30 * MINUTE,
  H1: HOUR,
  H2: 2 * HOUR,
  H3: 3 * HOUR,
  H4: 4 * HOUR,
  H6: 6 * HOUR,
  H8: 8 * HOUR,
  H12: 12 * HOUR,
  D: DAY,
  W: 7 * DAY,
  M: 30 * DAY,
} as const;
export type Granularity = keyof typeof GRANULARITIES;

/** Days begin at this hour in this time zone, and weeks on this day, where 0 is Sunday. */
export interface Alignment {
  readonly hour: number;
  readonly timeZone: string;
  readonly weekday: number;
}

export interface Slot {
  readonly startMs: number;
  readonly endMs: number;
}

export const DEFAULT_ALIGNMENT: Alignment = { hour: 17, timeZone: 'America/New_York', weekday: 5 };

export function isGranularity(text: string): text is Granularity {
  return Object.hasOwn(GRANULARITIES, text);
}

export function isTimeZone(text: string): boolean {
  try {
    zoneFormat(text);
    return true;
  } catch {
    return false;
  }
}

/** The slot that contains `timeMs`; the next one begins at its end. */
export function slotAt(granularity: Granularity, timeMs: number, alignment: Alignment = DEFAULT_ALIGNMENT): Slot {
  const length = GRANULARITIES[granularity];
  if (length <= HOUR) {
    const startMs = Math.floor(timeMs / length) * length;
    return { startMs, endMs: startMs + length };
  }
  if (granularity === 'W') return weekAt(timeMs, alignment);
  if (granularity === 'M') return monthAt(timeMs, alignment);
  const day = dayAt(timeMs, alignment);
  if (granularity === 'D') return day;
  const startMs = day.startMs + Math.floor((timeMs - day.startMs) / length) * length;
  return { startMs, endMs: Math.min(startMs + length, day.endMs) };
}

function dayAt(timeMs: number, alignment: Alignment): Slot {
  const { year, month, day } = dateAt(timeMs, alignment);
  const today = instant({ year, month, day }, alignment);
  const first = today > timeMs ? day - 1 : day;
  return {
    startMs: instant({ year, month, day: first }, alignment),
    endMs: instant({ year, month, day: first + 1 }, alignment),
  };
}

function weekAt(timeMs: number, alignment: Alignment): Slot {
  const { year, month, day, weekday } = dateAt(dayAt(timeMs, alignment).startMs, alignment);
  const first = day - ((weekday - alignment.weekday + 7) % 7);
  return {
    startMs: instant({ year, month, day: first }, alignment),
    endMs: instant({ year, month, day: first + 7 }, alignment),
  };
}

function monthAt(timeMs: number, alignment: Alignment): Slot {
  const { year, month } = dateAt(dayAt(timeMs, alignment).startMs, alignment);
  return {
    startMs: instant({ year, month, day: 1 }, alignment),
    endMs: instant({ year, month: month + 1, day: 1 }, alignment),
  };
}

interface LocalDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function dateAt(timeMs: number, { timeZone }: Alignment): LocalDate & { readonly weekday: number } {
  const local = new Date(timeMs + offsetAt(timeMs, timeZone));
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth(),
    day: local.getUTCDate(),
    weekday: local.getUTCDay(),
  };
}

/** The time at which this date reaches the hour of alignment. Days and months beyond the calendar's carry over. */
function instant({ year, month, day }: LocalDate, { hour, timeZone }: Alignment): number {
  const wall = Date.UTC(year, month, day, hour);
  const near = wall - offsetAt(wall, timeZone);
  return wall - offsetAt(near, timeZone);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, made);
  return made;
}

/** The offset of local time from UTC. */
function offsetAt(timeMs: number, timeZone: string): number {
  if (timeZone === 'UTC') return 0;
  const name = zoneFormat(timeZone)
    .formatToParts(timeMs)
    .find(({ type }) => type === 'timeZoneName')?.value;
  const match = /^GMT(?:([+-])(\d\d):(\d\d))?/.exec(name ?? '');
  const minutes = Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0);
  return (match?.[1] === '-' ? -minutes : minutes) * MINUTE;
}

import { DEFAULT_ALIGNMENT, isGranularity, isTimeZone } from './granularity.ts';
import type { Alignment, Granularity } from './granularity.ts';
import { parseTime } from './time.ts';
import type { Nanos } from './time.ts';
import { invalid, missing } from './VenueError.ts';

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Reads a request's query by the venue's rules; each method throws a VenueError for a value that the venue refuses. */
export class QueryParams {
  readonly #query: URLSearchParams;

  constructor(query: URLSearchParams) {
    this.#query = query;
  }

  text(name: string): string | null {
    return this.#query.get(name);
  }

  /** Reads a list with commas; null if it is absent. */
  names(name: string): string[] | null {
    return this.#query.get(name)?.split(',') ?? null;
  }

  requiredNames(name: string): string[] {
    const names = this.names(name);
    if (names === null || this.text(name) === '') throw missing();
    return names;
  }

  flag(name: string, fallback: boolean): boolean {
    const text = this.#query.get(name)?.toLowerCase();
    if (text === undefined) return fallback;
    if (text !== 'true' && text !== 'false') throw invalid(name);
    return text === 'true';
  }

  integer(name: string): number | null {
    const text = this.#query.get(name);
    if (text === null) return null;
    if (!/^\d{1,15}$/.test(text)) throw invalid(name);
    return Number(text);
  }

  time(name: string): Nanos | null {
    const text = this.#query.get(name);
    if (text === null) return null;
    const time = parseTime(text);
    if (time === null) throw invalid(name);
    return time;
  }

  granularity(): Granularity {
    const text = this.#query.get('granularity') ?? 'S5';
    if (!isGranularity(text)) throw invalid('granularity');
    return text;
  }

  /** Each letter may appear at most once. */
  components(text: string | null = this.#query.get('price')): string {
    const components = text ?? 'M';
    if (!/^(?!.*(.).*\1)[MBA]{1,3}$/.test(components)) throw invalid('price');
    return components;
  }

  alignment(): Alignment {
    const hour = this.integer('dailyAlignment') ?? DEFAULT_ALIGNMENT.hour;
    if (hour > 23) throw invalid('dailyAlignment');
    const timeZone = this.#query.get('alignmentTimezone') ?? DEFAULT_ALIGNMENT.timeZone;
    if (!isTimeZone(timeZone)) throw invalid('alignmentTimezone');
    const weekday = WEEKDAYS.indexOf(this.#query.get('weeklyAlignment') ?? 'Friday');
    if (weekday === -1) throw invalid('weeklyAlignment');
    return { hour, timeZone, weekday };
  }
}

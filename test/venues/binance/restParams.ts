import { isInterval } from './intervals.ts';
import type { Interval } from './intervals.ts';
import { parameterToMs } from './time.ts';

/** An error answer of the API; its body is `{"code":…,"msg":…}`. */
export class RestError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface LimitRule {
  readonly fallback: number;
  readonly max: number;
  readonly above: 'cut' | 'refuse';
}

const SYMBOL = /^[\p{Lu}\p{Lo}\p{N}\-._]{1,50}$/u;
const SYMBOL_RANGE = String.raw`^[\w\-._&&[^a-z]]{1,50}$`;

/** A request's parameters with the venue's error for each that is repeated, unknown, absent or malformed. */
export class RestParams {
  readonly #query: URLSearchParams;
  readonly #read = new Set<string>();

  constructor(query: URLSearchParams) {
    this.#query = query;
    const names = [...query.keys()];
    if (new Set(names).size < names.length)
      throw new RestError(400, -1101, 'Duplicate values for a parameter detected.');
  }

  has(name: string): boolean {
    return this.#query.has(name);
  }

  text(name: string): string | null {
    this.#read.add(name);
    const value = this.#query.get(name);
    if (value === '') throw new RestError(400, -1105, `Parameter '${name}' was empty.`);
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value !== null) return value;
    throw new RestError(400, -1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);
  }

  symbol(): string {
    return checkedSymbol(this.required('symbol'), 'symbol');
  }

  /** Reads a JSON array of symbols; null if it was not sent. */
  symbols(): readonly string[] | null {
    const value = this.text('symbols');
    if (value === null) return null;
    const names = parseArray(value).map((name) => checkedSymbol(String(name), 'symbols'));
    if (new Set(names).size < names.length) {
      throw new RestError(400, -1151, 'Symbol is present multiple times in the list.');
    }
    return names;
  }

  integer(name: string): number | null {
    const value = this.text(name);
    if (value === null) return null;
    if (/^\d{1,20}$/.test(value)) return Number(value);
    const range = String.raw`^[0-9]{1,20}$`;
    throw new RestError(400, -1100, `Illegal characters found in parameter '${name}'; legal range is '${range}'.`);
  }

  timeMs(name: string): number | null {
    const value = this.integer(name);
    return value === null ? null : parameterToMs(value);
  }

  limit({ fallback, max, above }: LimitRule): number {
    const value = this.integer('limit') ?? fallback;
    if (value < 1 || (value > max && above === 'refuse')) {
      throw new RestError(400, -1130, "Data sent for parameter 'limit' is not valid.");
    }
    return Math.min(value, max);
  }

  interval(): Interval {
    const value = this.required('interval');
    if (isInterval(value)) return value;
    throw new RestError(400, -1120, 'Invalid interval.');
  }

  /** Call this when everything that the endpoint knows has been read. */
  end(): void {
    const sent = this.#query.size;
    const read = [...this.#read].filter((name) => this.#query.has(name)).length;
    if (read === sent) return;
    if (this.#read.size === 0) {
      throw new RestError(400, -1101, `Too many parameters; expected '0' and received '${sent}'.`);
    }
    const text = `Not all sent parameters were read; read '${read}' parameter(s) but was sent '${sent}'.`;
    throw new RestError(400, -1104, text);
  }
}

function checkedSymbol(value: string, parameter: string): string {
  if (SYMBOL.test(value)) return value;
  const text = `Illegal characters found in parameter '${parameter}'; legal range is '${SYMBOL_RANGE}'.`;
  throw new RestError(400, -1100, text);
}

function parseArray(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // It is malformed, as anything else that is not an array.
  }
  throw new RestError(400, -1100, "Illegal characters found in parameter 'symbols'.");
}

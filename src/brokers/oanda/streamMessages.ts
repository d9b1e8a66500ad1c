import { compare, isDecimal, isZero } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { isRecord, parseJson } from '../../transport/json.ts';
import { Big } from 'big.js';
import { fromEpochMs, parseTimestamp } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';

// The price stream sends these messages, a JSON object a line: https://developer.oanda.com/rest-live-v20/pricing-ep/
// The order of members is not fixed, some were added over the years, and unknown ones may come: only those that are
// read are required. Every parser returns undefined for malformed input, and never throws.

/** A valid line of the price stream. */
export type StreamMessage =
  | { readonly kind: 'price'; readonly price: VenuePrice }
  | { readonly kind: 'heartbeat'; readonly time: VenueTime }
  /** A price of this instrument that can't be read. It says nothing against the rest of the stream. */
  | { readonly kind: 'unreadable'; readonly instrument: string }
  /** A message of an unknown type, which is ignored. */
  | { readonly kind: 'other' };

/** A price, and the size that is quoted for it; null if the venue states none. */
export interface VenueLevel {
  readonly price: Decimal;
  readonly size: Decimal | null;
}

/** All quotes of one instrument at one time. Each price replaces the one before. */
export interface VenuePrice {
  readonly instrument: string;
  /** When the quotes were made. */
  readonly time: VenueTime;
  /** Best (highest) first. */
  readonly bids: readonly VenueLevel[];
  /** Best (lowest) first. */
  readonly asks: readonly VenueLevel[];
  /** False: the market is closed, or halted for this account. */
  readonly tradeable: boolean;
}

/** The form of names that may be logged. */
const INSTRUMENT = /^[\w/.-]{1,40}$/;

/**
 * One line of the stream.
 *
 * `{"type":"HEARTBEAT","time":"2016-10-27T08:38:44.327443673Z"}`, or a price; lines of 2016 have no `type`.
 */
export function parseLine(text: string): StreamMessage | undefined {
  const line = parseJson(text, parseExactly);
  if (!isRecord(line)) return undefined;
  const type = line['type'] ?? ('instrument' in line ? 'PRICE' : undefined);
  if (typeof type !== 'string') return undefined;
  if (type === 'PRICE') {
    const price = parsePrice(line);
    return price === undefined ? unreadable(line['instrument']) : { kind: 'price', price };
  }
  if (type !== 'HEARTBEAT') return { kind: 'other' };
  const time = timeOf(line['time']);
  return time === undefined ? undefined : { kind: 'heartbeat', time };
}

function unreadable(instrument: unknown): StreamMessage | undefined {
  if (typeof instrument !== 'string' || !INSTRUMENT.test(instrument)) return undefined;
  return { kind: 'unreadable', instrument };
}

/**
 * A price, of the stream or of a request. `closeoutBid` and `closeoutAsk` are not quotes, and are ignored.
 *
 * `{"type":"PRICE","time":"2019-01-31T18:16:38.818627106Z","bids":[{"price":"0.72711","liquidity":10000000}],
 *   "asks":[{"price":"0.72725","liquidity":10000000}],"closeoutBid":"0.72696","closeoutAsk":"0.72740",
 *   "status":"tradeable","tradeable":true,"instrument":"USD_CAD"}`
 */
export function parsePrice(value: unknown): VenuePrice | undefined {
  if (!isRecord(value)) return undefined;
  const { instrument } = value;
  const time = timeOf(value['time']);
  const bids = ladderOf(value['bids']);
  const asks = ladderOf(value['asks']);
  if (typeof instrument !== 'string' || time === undefined || bids === undefined || asks === undefined)
    return undefined;
  return {
    instrument,
    time,
    bids: inOrder(bids, (a, b) => compare(b.price, a.price)),
    asks: inOrder(asks, (a, b) => compare(a.price, b.price)),
    tradeable: isTradeable(value),
  };
}

/** `tradeable` was added in 2017; `status` is older, and announced to be dropped. */
function isTradeable({ tradeable, status }: Readonly<Record<string, unknown>>): boolean {
  if (typeof tradeable === 'boolean') return tradeable;
  return status === undefined || status === 'tradeable';
}

/** A side without quotes is empty, null or missing; so is a size that is not known. */
function ladderOf(value: unknown): VenueLevel[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const levels: VenueLevel[] = [];
  for (const entry of value) {
    if (!isRecord(entry)) return undefined;
    const price = amountOf(entry['price']);
    const liquidity = entry['liquidity'] ?? null;
    const size = liquidity === null ? null : amountOf(liquidity);
    if (price === undefined || isZero(price) || size === undefined) return undefined;
    levels.push({ price, size });
  }
  return levels;
}

/** Sorts levels, if need be: the venue sends them sorted, without promising it. */
function inOrder(
  levels: readonly VenueLevel[],
  order: (a: VenueLevel, b: VenueLevel) => number,
): readonly VenueLevel[] {
  const isSorted = levels.every((level, index) => {
    const before = levels[index - 1];
    return before === undefined || order(before, level) <= 0;
  });
  return isSorted ? levels : levels.toSorted(order);
}

function amountOf(value: unknown): Decimal | undefined {
  return typeof value === 'string' && isDecimal(value) && !value.startsWith('-') ? value : undefined;
}

/** No quote is older than the epoch. */
function timeOf(value: unknown): VenueTime | undefined {
  const time = typeof value === 'string' ? parseVenueTime(value) : undefined;
  return time === undefined || time.ms < 0 ? undefined : time;
}

/** Members that the venue may write as a number: `1000000`, `1000000.0`, or `1.0E7`. */
const EXACT_MEMBERS: ReadonlySet<string> = new Set(['liquidity']);
const WITH_EXPONENT = /^-?\d{1,20}(?:\.\d{1,20})?[eE][+-]?\d{1,2}$/;

/** Parses JSON, in which sizes that are numbers become text with the venue's own digits. Throws as JSON.parse does. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, digitsOf);
}

function digitsOf(member: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || !EXACT_MEMBERS.has(member)) return value;
  const { source } = context ?? {};
  if (source === undefined) return value;
  return WITH_EXPONENT.test(source) ? new Big(source).toFixed() : source;
}

/** A time as the venue writes it. */
export interface VenueTime {
  /** Nanoseconds since the epoch; prices of one instrument are ordered by it. */
  readonly ns: bigint;
  /** Milliseconds since the epoch, rounded down. */
  readonly ms: number;
  /** The time as text, with the venue's own fraction of a second. */
  readonly text: Timestamp;
}

const UNIX = /^(\d{1,12})(\.\d{1,9})?$/;
const NS_PER_MS = 1_000_000n;

/**
 * Accepts both forms that the venue uses, whichever was asked for: RFC 3339 in UTC (`2016-10-27T08:38:43.094548890Z`)
 * and seconds since the epoch (`1477557523.094548890`), each with 0 to 9 digits behind the point. Undefined for
 * anything else.
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

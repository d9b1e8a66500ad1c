import { compare, isDecimal } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import type { PriceLevel } from '../../market/marketData.ts';
import { isRecord, parseJson } from '../../transport/json.ts';
import { parseExactly } from './exactJson.ts';
import { parseVenueTime } from './venueTime.ts';
import type { VenueTime } from './venueTime.ts';

// What the price stream sends, a JSON object a line: https://developer.oanda.com/rest-live-v20/pricing-ep/
// The order of members is not fixed, some came with the years, and unknown ones come any time: only what is read must be
// there. Every parser returns undefined for what is malformed, and throws nothing.

export type StreamMessage =
  | { readonly kind: 'price'; readonly price: VenuePrice }
  | { readonly kind: 'heartbeat'; readonly time: VenueTime }
  /** Of a type that is not known here, or not yet. */
  | { readonly kind: 'other' };

/** All that is quoted for one instrument at one time. Each replaces the one before. */
export interface VenuePrice {
  readonly instrument: string;
  /** When it was made. */
  readonly time: VenueTime;
  /** Best (highest) first. */
  readonly bids: readonly PriceLevel[];
  /** Best (lowest) first. */
  readonly asks: readonly PriceLevel[];
  /** False: the market is closed, or halted for this account. */
  readonly tradeable: boolean;
}

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
    return price === undefined ? undefined : { kind: 'price', price };
  }
  if (type !== 'HEARTBEAT') return { kind: 'other' };
  const time = timeOf(line['time']);
  return time === undefined ? undefined : { kind: 'heartbeat', time };
}

/**
 * A price, of the stream or of a request. `closeoutBid` and `closeoutAsk` are not quotes, and not looked at.
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

/** `tradeable` came in 2017; `status` is older, and said to go. */
function isTradeable({ tradeable, status }: Readonly<Record<string, unknown>>): boolean {
  if (typeof tradeable === 'boolean') return tradeable;
  return status === undefined || status === 'tradeable';
}

/** A side that nobody quotes is empty, null or not there. */
function ladderOf(value: unknown): PriceLevel[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const levels: PriceLevel[] = [];
  for (const entry of value) {
    if (!isRecord(entry)) return undefined;
    const price = decimalOf(entry['price']);
    const size = decimalOf(entry['liquidity']);
    if (price === undefined || size === undefined || size.startsWith('-')) return undefined;
    levels.push({ price, size });
  }
  return levels;
}

/** The venue writes them so, without promising it. */
function inOrder(
  levels: readonly PriceLevel[],
  order: (a: PriceLevel, b: PriceLevel) => number,
): readonly PriceLevel[] {
  const isSorted = levels.every((level, index) => {
    const before = levels[index - 1];
    return before === undefined || order(before, level) <= 0;
  });
  return isSorted ? levels : levels.toSorted(order);
}

function decimalOf(value: unknown): Decimal | undefined {
  return typeof value === 'string' && isDecimal(value) ? value : undefined;
}

function timeOf(value: unknown): VenueTime | undefined {
  return typeof value === 'string' ? parseVenueTime(value) : undefined;
}

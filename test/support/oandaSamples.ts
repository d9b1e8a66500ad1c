import { Big } from 'big.js';
import { z } from 'zod';
import { recordingText } from './recordings.ts';

// These are the recorded samples of OANDA. Every file of their folder except README.md is listed here, by its use in
// tests.

export const STREAM_SAMPLES = [
  'oanda/stream-2016-EUR_USD-EUR_JPY.ndjson',
  'oanda/stream-2017-EUR_USD-EUR_JPY-float-liquidity.ndjson',
  'oanda/stream-2019-two-lines-trailing-crlf.ndjson',
];
/** One price, over several lines, without `type` and `time`. */
export const STREAM_FRAGMENT = 'oanda/stream-2023-UK100-3levels-fragment.json';
export const PRICING_SAMPLES = [
  'oanda/pricing-2016-EUR_USD-EUR_JPY.json',
  'oanda/pricing-2019-EUR_USD-nontradeable.json',
];
export const INSTRUMENT_SAMPLES = [
  'oanda/account-instruments-2016-6.json',
  'oanda/account-instruments-2019-70fx.json',
  'oanda/account-instruments-2023-mixed17.json',
];
export const ACCOUNT_SAMPLES = ['oanda/accounts.json', 'oanda/accounts-masked.json'];
/** Samples with mid prices. */
export const CANDLE_SAMPLES = [
  'oanda/candles-2016-DE30_EUR-M5-mid.json',
  'oanda/candles-2017-EUR_USD-H1-mid-count10-includeFirst.json',
  'oanda/candles-2017-EUR_USD-H1-mid-count10-returned9.json',
];
/** A sample with ask prices only, in days that begin at 20:00 in New York: the gateway requests neither. */
export const ASK_CANDLE_SAMPLE = 'oanda/candles-2018-GBP_USD-D-ask-100.json';
/** A sample with ask prices, bid prices, and both. */
export const LATEST_CANDLE_SAMPLE = 'oanda/candles-latest-2023-part1.json';
export const ERROR_SAMPLE = 'oanda/errors.ndjson';
/** The open orders and positions of the venue's clients in percent, which the gateway never requests. */
export const UNPLAYED_SAMPLES = [
  'oanda/orderBook-2017-EUR_USD-27buckets.json',
  'oanda/positionBook-2019-EUR_USD-441buckets.json',
];

const Ladder = z.array(z.object({ price: z.string(), liquidity: z.string() }));
const Price = z.object({ instrument: z.string(), time: z.string(), bids: Ladder, asks: Ladder });
const Ohlc = z.object({ o: z.string(), h: z.string(), l: z.string(), c: z.string() });
const Candle = z.object({ time: z.string(), complete: z.boolean(), volume: z.string(), mid: Ohlc });

/** A length of candles, by the venue's name and by those of GraphQL and the raw protocol. */
export interface Interval {
  readonly granularity: string;
  readonly graphql: string;
  readonly raw: string;
  readonly ms: number;
}

const INTERVALS: readonly Interval[] = [
  { granularity: 'M1', graphql: 'ONE_MINUTE', raw: '1m', ms: 60_000 },
  { granularity: 'M5', graphql: 'FIVE_MINUTES', raw: '5m', ms: 300_000 },
  { granularity: 'H1', graphql: 'ONE_HOUR', raw: '1h', ms: 3_600_000 },
  { granularity: 'D', graphql: 'ONE_DAY', raw: '1d', ms: 86_400_000 },
];

export function intervalOf(granularity: string): Interval {
  const found = INTERVALS.find((interval) => interval.granularity === granularity);
  if (found === undefined) throw new Error(`no interval has the granularity: ${granularity}`);
  return found;
}

/**
 * Reads the symbol and the interval from the name of a candle sample; the venue once spelled an instrument differently.
 */
export function seriesOf(sample: string): { readonly symbol: string; readonly interval: Interval } {
  const [, symbol = '', granularity = ''] = /-([A-Z0-9]+_[A-Z]{3})-([A-Z][0-9]*)-/.exec(sample) ?? [];
  return { symbol, interval: intervalOf(granularity) };
}

/** Parses a JSON document with every number as text, with exactly the digits in the document. */
export function exactJson(text: string): unknown {
  const quoted = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
  return JSON.parse(quoted);
}

export function exactSample(path: string): unknown {
  return exactJson(recordingText(path));
}

/** The tick that every protocol must deliver for a price. */
export function tickOf(price: unknown): Record<string, unknown> {
  const { time, bids, asks } = Price.parse(price);
  const [bid, ask] = [bids[0], asks[0]];
  if (bid === undefined || ask === undefined) throw new Error('the sample has a side without a quote');
  return {
    time,
    bid: bid.price,
    bidSize: bid.liquidity,
    ask: ask.price,
    askSize: ask.liquidity,
    last: null,
    mid: new Big(bid.price).plus(ask.price).times('0.5').toFixed(),
    spread: new Big(ask.price).minus(bid.price).toFixed(),
  };
}

export function bookOf(price: unknown): Record<string, unknown> {
  const { time, bids, asks } = Price.parse(price);
  const pairs = (levels: z.infer<typeof Ladder>): string[][] => levels.map((level) => [level.price, level.liquidity]);
  return { time, kind: 'snapshot', bids: pairs(bids), asks: pairs(asks) };
}

/**
 * The candles that every protocol must return for an answer, given as `exactJson` reads it; only candles that are
 * aligned as the gateway's are count.
 */
export function candlesOf(answer: unknown, { ms }: Interval) {
  const { candles } = z.object({ candles: z.array(Candle) }).parse(answer);
  const aligned = candles.filter(({ time }) => Date.parse(time) % ms === 0);
  return aligned.map(({ time, complete, volume, mid }) => ({
    openTime: toMilliseconds(time),
    closeTime: new Date(Date.parse(time) + ms).toISOString(),
    open: mid.o,
    high: mid.h,
    low: mid.l,
    close: mid.c,
    volume,
    tradeCount: null,
    closed: complete,
  }));
}

/** Renames a component to mid: the venue writes mids as it does asks and bids. */
export function asMids(text: string, component: 'ask' | 'bid'): string {
  return text.replaceAll(`"${component}":`, '"mid":');
}

/** Returns the answer with only those of its candles that begin with a day of UTC. */
export function utcDays(text: string): string {
  const { candles, ...rest } = z
    .looseObject({ candles: z.array(z.looseObject({ time: z.string() })) })
    .parse(JSON.parse(text));
  return JSON.stringify({ ...rest, candles: candles.filter(({ time }) => time.includes('T00:00:00.')) });
}

/** Shortens a time to milliseconds; candles begin with whole seconds, so only zeros are cut off. */
function toMilliseconds(time: string): string {
  const text = time.replace(/\.000000000Z$/, '.000Z');
  if (text === time) throw new Error(`not a time of a candle: ${time}`);
  return text;
}

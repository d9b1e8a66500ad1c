import { z } from 'zod';
import { compare, isDecimal, fromUnits, isZero, decimal } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { isRecord } from '../../transport/json.ts';
import { parseVenueTime } from './streamMessages.ts';
import type { CandleBar } from '../../market/CandleBuilder.ts';
import type { Instrument } from '../../market/instrument.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { assertNever } from '../../shared/errors.ts';

/**
 * The REST host sends these replies. Unknown members are ignored everywhere, and members that are not used are not checked:
 * the venue adds and drops them without notice. Prices are parsed in streamMessages.ts.
 */

const amount = z.custom<Decimal>(
  (value) => typeof value === 'string' && !value.startsWith('-') && isDecimal(value),
  'not a decimal amount',
);
const price = amount.refine((value) => !isZero(value), 'a price of zero');

const epochMs = z.string().transform((text, context) => {
  const time = parseVenueTime(text);
  if (time !== undefined && time.ms >= 0) return time.ms;
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});

const places = z.int().min(0).max(15);

/**
 * An error in the venue's own words. `errorCode` is sent for trading only.
 *
 *     {"errorMessage":"Insufficient authorization to perform request."}
 */
export const OandaErrorBody = z.object({ errorMessage: z.string() });

/**
 * https://developer.oanda.com/rest-live-v20/account-ep/
 *
 *     {"accounts":[{"id":"101-004-1435156-002","tags":[]},{"id":"101-004-1435156-001","tags":[]}]}
 */
export const Accounts = z.object({ accounts: z.array(z.unknown()) });
/** One entry, parsed by itself. */
export const Account = z.object({ id: z.string() });

/**
 * One account may trade these instruments. Each entry is parsed by itself, so that an invalid one affects no other.
 *
 *     {"instruments":[…],"lastTransactionID":"2124"}
 */
export const InstrumentList = z.object({ instruments: z.array(z.unknown()) });

/**
 * One entry; most members are left out here, and the instrument is good for its name alone: what else can't be read is
 * not known. Precisions can't be derived from names: HKD_JPY has 5 decimals.
 * https://developer.oanda.com/rest-live-v20/primitives-df/
 *
 *     {"name":"NZD_CHF","type":"CURRENCY","displayName":"NZD/CHF","pipLocation":-4,"displayPrecision":5,
 *      "tradeUnitsPrecision":0,"minimumTradeSize":"1","marginRate":"1","tags":[{"type":"ASSET_CLASS","name":"CURRENCY"}]}
 */
export const InstrumentInfo = z.object({
  name: z.string().min(1),
  displayName: z.string().min(1).optional().catch(undefined),
  displayPrecision: places.optional().catch(undefined),
  tradeUnitsPrecision: places.optional().catch(undefined),
  minimumTradeSize: amount.optional().catch(undefined),
});
export type InstrumentInfo = z.infer<typeof InstrumentInfo>;

/**
 * `time` (the server's) is newer than some recorded answers.
 * https://developer.oanda.com/rest-live-v20/pricing-ep/
 *
 *     {"time":"2019-01-01T00:00:00.000000000Z","prices":[…]}
 */
export const Pricing = z.object({ prices: z.array(z.unknown()) });

/**
 * `time` is the start; `volume` the number of prices that were made. A span without a price has no candle. Only the last
 * can be incomplete.
 * https://developer.oanda.com/rest-live-v20/instrument-df/
 *
 *     {"complete":true,"volume":132,"time":"2016-10-17T19:35:00.000000000Z",
 *      "mid":{"o":"10503.8","h":"10508.0","l":"10503.8","c":"10506.0"}}
 */
export const CandleEntry = z.object({
  complete: z.boolean(),
  volume: z.int().nonnegative(),
  time: epochMs,
  mid: z
    .object({ o: price, h: price, l: price, c: price })
    .refine(
      ({ o, h, l, c }) => [o, c].every((each) => compare(l, each) <= 0 && compare(each, h) <= 0),
      'no range of prices',
    ),
});
type CandleEntry = z.infer<typeof CandleEntry>;

/**
 * Each candle is parsed by itself. `instrument` is ignored: it was `DE30/EUR` for DE30_EUR in 2016.
 *
 *     {"instrument":"DE30/EUR","granularity":"M5","candles":[…]}
 */
export const Candles = z.object({ candles: z.array(z.unknown()) });

/**
 * In the order of the request: for each the newest complete candle and the one in progress, or fewer.
 *
 *     {"latestCandles":[{"instrument":"USD_JPY","granularity":"M1","candles":[…]}]}
 */
export const LatestCandles = z.object({ latestCandles: z.array(z.unknown()) });

/** A candle of the venue, of any interval. */
export interface VenueCandle {
  readonly openMs: number;
  /** False if the candle is still in progress. */
  readonly complete: boolean;
  readonly bar: CandleBar;
}

/** The instrument that an entry describes. The venue lists what the account may trade, so all of it is tradable. */
export function toOandaInstrument(info: InstrumentInfo): Instrument {
  const { name, displayName, displayPrecision, tradeUnitsPrecision, minimumTradeSize } = info;
  const [base, quote, ...more] = name.split('_');
  const isPair = base !== undefined && quote !== undefined && base !== '' && quote !== '' && more.length === 0;
  return {
    symbol: name,
    displayName: displayName ?? name,
    base: isPair ? base : null,
    quote: isPair ? quote : null,
    tickSize: displayPrecision === undefined ? null : fromUnits(1, displayPrecision),
    lotSize: tradeUnitsPrecision === undefined ? positive(minimumTradeSize) : fromUnits(1, tradeUnitsPrecision),
    tradable: true,
  };
}

function positive(value: Decimal | undefined): Decimal | null {
  return value === undefined || isZero(value) ? null : value;
}

/** The text of a member that names something, for the log; null if it has none that is fit for it. */
export function nameIn(entry: unknown, member: string): string | null {
  const name = isRecord(entry) ? entry[member] : null;
  return typeof name === 'string' && /^[\w/:.-]{1,40}$/.test(name) ? name : null;
}

/** A candle of a reply. The venue counts prices, not trades. */
export function toVenueCandle({ time, complete, volume, mid }: CandleEntry): VenueCandle {
  const bar = { open: mid.o, high: mid.h, low: mid.l, close: mid.c, volume: decimal(String(volume)), tradeCount: null };
  return { openMs: time, complete, bar };
}

/** The candle as an event; one that is complete has the time of its end, another that of its receipt. */
export function toCandle(
  { openMs, complete, bar }: VenueCandle,
  interval: CandleInterval,
  receivedMs: number,
): CandleDraft {
  const receivedAt = fromEpochMs(receivedMs);
  const closeTime = fromEpochMs(openMs + CANDLE_INTERVALS[interval]);
  return {
    type: 'candle',
    time: complete ? closeTime : receivedAt,
    receivedAt,
    interval,
    openTime: fromEpochMs(openMs),
    closeTime,
    ...bar,
    closed: complete,
    backfilled: true,
  };
}

/** The venue objects to one of these when it answers with a 4xx. */
export type VenueRefusal = 'token' | 'account' | 'instrument' | 'future' | 'count' | RefusedArgument | 'other';
/** An argument of a client's query, under our name, whose value the venue refuses. */
type RefusedArgument = 'from' | 'to' | 'interval';

/**
 * Judges by the status, and by the venue's message if the status says too little; null: there was no message.
 * https://developer.oanda.com/rest-live-v20/troubleshooting-errors/
 */
export function toRefusal(status: number, message: string | null): VenueRefusal {
  const text = message ?? '';
  if (status === 401) return /forbidden/i.test(text) ? 'account' : 'token';
  if (status === 403) return 'account';
  if (status !== 400) return 'other';
  if (/ is not a valid instrument/.test(text)) return 'instrument';
  if (text.startsWith("Maximum value for 'count'")) return 'count';
  const [, field = ''] = /^Invalid value specified for '([^']+)'/.exec(text) ?? [];
  if (/Time is in the future/.test(text)) return 'future';
  switch (field) {
    case 'accountID':
      return 'account';
    case 'instrument':
    case 'instruments':
    case 'candleSpecifications':
      return 'instrument';
    case 'from':
    case 'to':
      return field;
    case 'granularity':
      return 'interval';
    default:
      return 'other';
  }
}

/** The argument that a refusal is about; null if it is about something else. */
export function refusedArgument(refusal: VenueRefusal): RefusedArgument | null {
  return refusal === 'from' || refusal === 'to' || refusal === 'interval' ? refusal : null;
}

/** Why the credentials are refused, as a sentence for the client; null if the refusal is about something else. */
export function credentialsRefused(refusal: VenueRefusal): string | null {
  switch (refusal) {
    case 'token':
      return 'The venue refuses this token; a token is good for one environment only, practice or live.';
    case 'account':
      return 'The venue refuses this account: the token does not open it.';
    case 'instrument':
    case 'future':
    case 'count':
    case 'from':
    case 'to':
    case 'interval':
    case 'other':
      return null;
    default:
      return assertNever(refusal);
  }
}

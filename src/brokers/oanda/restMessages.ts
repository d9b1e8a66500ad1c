import { z } from 'zod';
import { isDecimal } from '../../market/decimal.ts';
import type { Decimal } from '../../market/decimal.ts';
import { parseVenueTime } from './venueTime.ts';

/**
 * What the REST host answers. Unknown members are ignored everywhere, and members that are not used are not looked at: the
 * venue adds and drops them without notice. Prices are parsed in streamMessages.ts.
 */

const price = z.custom<Decimal>((value) => typeof value === 'string' && isDecimal(value), 'not a decimal');

const epochMs = z.string().transform((text, context) => {
  const time = parseVenueTime(text);
  if (time !== undefined) return time.ms;
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});

const places = z.int().min(0).max(15);

/**
 * An error in the venue's own words. `errorCode` is there for trading alone.
 *
 *     {"errorMessage":"Insufficient authorization to perform request."}
 */
export const RestRefusal = z.object({ errorMessage: z.string() });

/**
 * https://developer.oanda.com/rest-live-v20/account-ep/
 *
 *     {"accounts":[{"id":"101-004-1435156-002","tags":[]},{"id":"101-004-1435156-001","tags":[]}]}
 */
export const Accounts = z.object({ accounts: z.array(z.object({ id: z.string() })) });

/**
 * What one account may trade. Each entry is parsed by itself, so that a bad one loses only itself.
 *
 *     {"instruments":[…],"lastTransactionID":"2124"}
 */
export const InstrumentList = z.object({ instruments: z.array(z.unknown()) });

/**
 * One entry, of which the better part is left out here. Precisions can't be told from names: HKD_JPY has 5 decimals.
 * https://developer.oanda.com/rest-live-v20/primitives-df/
 *
 *     {"name":"NZD_CHF","type":"CURRENCY","displayName":"NZD/CHF","pipLocation":-4,"displayPrecision":5,
 *      "tradeUnitsPrecision":0,"minimumTradeSize":"1","marginRate":"1","tags":[{"type":"ASSET_CLASS","name":"CURRENCY"}]}
 */
export const InstrumentInfo = z.object({
  name: z.string().min(1),
  displayName: z.string().min(1).optional(),
  displayPrecision: places.optional(),
  tradeUnitsPrecision: places.optional(),
  minimumTradeSize: price.optional(),
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
const CandleEntry = z.object({
  complete: z.boolean(),
  volume: z.int().nonnegative(),
  time: epochMs,
  mid: z.object({ o: price, h: price, l: price, c: price }),
});
export type CandleEntry = z.infer<typeof CandleEntry>;

/**
 * `instrument` is not looked at: it was `DE30/EUR` for DE30_EUR in 2016.
 *
 *     {"instrument":"DE30/EUR","granularity":"M5","candles":[…]}
 */
export const Candles = z.object({ candles: z.array(CandleEntry) });

/**
 * In the order of the request: of each the newest complete candle and the one that grows, or fewer.
 *
 *     {"latestCandles":[{"instrument":"USD_JPY","granularity":"M1","candles":[…]}]}
 */
export const LatestCandles = z.object({ latestCandles: z.array(Candles) });

import { z } from 'zod';
import { isDecimal, midpoint, subtract } from '../../../src/market/decimal.ts';
import type { Decimal } from '../../../src/market/decimal.ts';
import type { TickDraft } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';

const amount = z.custom<Decimal>((value) => typeof value === 'string' && isDecimal(value), 'not a decimal');

/** `{"symbol":"BTCUSD","bid":"60650.1","bidSize":"0.5","ask":"60650.2","askSize":"2","time":1790649901913}` */
export const Quote = z.object({
  symbol: z.string(),
  bid: amount,
  bidSize: amount,
  ask: amount,
  askSize: amount,
  time: z.int().nonnegative(),
});
export type Quote = z.infer<typeof Quote>;

/** `{"symbols":["BTCUSD","ETHUSD"]}` */
export const Listing = z.object({ symbols: z.array(z.string().min(1)).min(1) });

export function toAcmeTick({ bid, bidSize, ask, askSize, time }: Quote, receivedMs: number): TickDraft {
  return {
    type: 'tick',
    time: fromEpochMs(time),
    receivedAt: fromEpochMs(receivedMs),
    bid,
    bidSize,
    ask,
    askSize,
    last: null,
    mid: midpoint(bid, ask),
    spread: subtract(ask, bid),
  };
}

import { z } from 'zod';
import { toPrice } from './ticks.ts';

/** One entry of an `instruments` document; the members that the stand-in itself reads are declared. */
export interface InstrumentInfo {
  readonly name: string;
  readonly type: string;
  readonly displayName: string;
  readonly pipLocation: number;
  readonly displayPrecision: number;
  readonly [member: string]: unknown;
}

/** An instrument with the parameters of its market. */
export interface Listing {
  readonly info: InstrumentInfo;
  /** The mid price to begin with. */
  readonly price: string;
  /** The distance between best bid and best ask, in units of the last printed digit. */
  readonly spread: number;
  /** The liquidity of each level, best first. */
  readonly ladder: readonly number[];
}

export interface InstrumentDraft {
  readonly name: string;
  readonly price: string;
  readonly displayPrecision: number;
  /** @default 1 - displayPrecision, as in every list that was recorded */
  readonly pipLocation?: number;
  /** @default "CURRENCY" */
  readonly type?: 'CURRENCY' | 'CFD' | 'METAL';
  /** @default the name with a slash */
  readonly displayName?: string;
  /** @default "CURRENCY" */
  readonly assetClass?: string;
  /** @default 0 */
  readonly tradeUnitsPrecision?: number;
  /** @default "1" */
  readonly minimumTradeSize?: string;
  /** @default 14 */
  readonly spread?: number;
  /** @default [10_000_000] */
  readonly ladder?: readonly number[];
}

const WEEK = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];

export function listing(draft: InstrumentDraft): Listing {
  const { name, price, displayPrecision, type = 'CURRENCY', assetClass = 'CURRENCY' } = draft;
  const info: InstrumentInfo = {
    name,
    type,
    displayName: draft.displayName ?? name.replace('_', '/'),
    pipLocation: draft.pipLocation ?? 1 - displayPrecision,
    displayPrecision,
    tradeUnitsPrecision: draft.tradeUnitsPrecision ?? 0,
    minimumTradeSize: draft.minimumTradeSize ?? '1',
    maximumTrailingStopDistance: toPrice(100_000, displayPrecision),
    minimumTrailingStopDistance: toPrice(50, displayPrecision),
    maximumPositionSize: '0',
    maximumOrderUnits: '100000000',
    marginRate: '0.05',
    guaranteedStopLossOrderMode: 'DISABLED',
    tags: [{ type: 'ASSET_CLASS', name: assetClass }],
    financing: {
      longRate: '-0.0105',
      shortRate: '-0.0043',
      financingDaysOfWeek: WEEK.map((dayOfWeek) => ({ dayOfWeek, daysCharged: dayOfWeek === 'WEDNESDAY' ? 3 : 1 })),
    },
  };
  return { info, price, spread: draft.spread ?? 14, ladder: draft.ladder ?? [10_000_000] };
}

const METAL = { type: 'METAL', assetClass: 'COMMODITY' } as const;
const INDEX = { type: 'CFD', assetClass: 'INDEX', tradeUnitsPrecision: 1, minimumTradeSize: '0.1' } as const;

/** Some have one level, some more; some have a precision that their names don't suggest. */
export const DEFAULT_LISTINGS: readonly Listing[] = [
  listing({ name: 'EUR_USD', price: '1.08452', displayPrecision: 5, ladder: [10_000_000, 10_000_000] }),
  listing({ name: 'GBP_USD', price: '1.26713', displayPrecision: 5 }),
  listing({ name: 'AUD_USD', price: '0.65321', displayPrecision: 5 }),
  listing({ name: 'USD_CAD', price: '1.35278', displayPrecision: 5 }),
  listing({ name: 'USD_JPY', price: '149.832', displayPrecision: 3 }),
  listing({
    name: 'EUR_JPY',
    price: '162.485',
    displayPrecision: 3,
    ladder: [1_000_000, 2_000_000, 5_000_000, 10_000_000],
  }),
  listing({ name: 'HKD_JPY', price: '19.15124', displayPrecision: 5 }),
  listing({ name: 'USD_THB', price: '35.612', displayPrecision: 3, spread: 120 }),
  listing({ name: 'XAU_USD', price: '2034.560', displayPrecision: 3, displayName: 'Gold', spread: 450, ...METAL }),
  listing({ name: 'XAG_JPY', price: '3412.5', displayPrecision: 1, displayName: 'Silver/JPY', ...METAL }),
  listing({ name: 'XAU_JPY', price: '304812', displayPrecision: 0, displayName: 'Gold/JPY', ...METAL }),
  listing({ name: 'DE30_EUR', price: '16912.4', displayPrecision: 1, displayName: 'Germany 30', ...INDEX }),
  listing({
    name: 'UK100_GBP',
    price: '7276.9',
    displayPrecision: 1,
    displayName: 'UK 100',
    spread: 16,
    ladder: [50, 100, 150],
    ...INDEX,
  }),
  listing({ name: 'BTC_USD', price: '43250.1', displayPrecision: 1, displayName: 'Bitcoin', spread: 600, ...INDEX }),
];

const Instruments = z.object({
  instruments: z.array(
    z.looseObject({
      name: z.string(),
      type: z.string(),
      displayName: z.string(),
      pipLocation: z.int(),
      displayPrecision: z.int(),
    }),
  ),
});

/** Takes the entries of an `instruments` document as they are; it has no prices, so all begin at 100. */
export function listingsOf(document: unknown): Listing[] {
  return Instruments.parse(document).instruments.map((info) => ({
    info,
    price: toPrice(100 * 10 ** info.displayPrecision, info.displayPrecision),
    spread: 14,
    ladder: [10_000_000],
  }));
}

import { formatTime } from './time.ts';
import type { Nanos, TimeFormat } from './time.ts';

export interface Level {
  readonly price: string;
  readonly liquidity: number;
}

/** What the venue says of one instrument to one account. */
export interface ClientPrice {
  readonly instrument: string;
  /** When it was made. */
  readonly time: Nanos;
  /** Written in place of `time`, as it is; null: none. */
  readonly timeText: string | null;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly closeoutBid: string;
  readonly closeoutAsk: string;
  readonly tradeable: boolean;
}

/** A price by hand: what is left out is as the market has it. Prices and order of levels are not touched. */
export interface PriceDraft {
  /** One level, with the market's liquidity; `bids` goes before. */
  readonly bid?: string;
  readonly ask?: string;
  readonly bids?: readonly Level[];
  readonly asks?: readonly Level[];
  readonly closeoutBid?: string;
  readonly closeoutAsk?: string;
  readonly tradeable?: boolean;
  /** Text is written as it is. @default now */
  readonly time?: Nanos | string;
}

/** How a price is written. */
export interface PriceStyle {
  /** Null: as the client asked. */
  readonly timeFormat: TimeFormat | null;
  /** 0 to 9. */
  readonly timeDigits: number;
  readonly liquidity: 'integer' | 'fraction' | 'string' | 'absent';
  /** Fields that are left out: `type` and `tradeable` were absent once. */
  readonly omit: readonly string[];
  /** Fields in another order. */
  readonly reordered: boolean;
  /** Fields that nobody knows, put at the front. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export const PLAIN_STYLE: PriceStyle = {
  timeFormat: null,
  timeDigits: 9,
  liquidity: 'integer',
  omit: [],
  reordered: false,
  extra: {},
};

/** One line without its end, in the order of fields that the server has used since 2017. */
export function renderPrice(price: ClientPrice, asked: TimeFormat, style: PriceStyle = PLAIN_STYLE): string {
  const fields: (readonly [name: string, json: string])[] = [
    ['type', '"PRICE"'],
    ['time', JSON.stringify(timeOf(price, asked, style))],
    ['bids', ladder(price.bids, style)],
    ['asks', ladder(price.asks, style)],
    ['closeoutBid', JSON.stringify(price.closeoutBid)],
    ['closeoutAsk', JSON.stringify(price.closeoutAsk)],
    ['status', price.tradeable ? '"tradeable"' : '"non-tradeable"'],
    ['tradeable', String(price.tradeable)],
    ['instrument', JSON.stringify(price.instrument)],
  ];
  const extra = Object.entries(style.extra).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const kept = [...extra, ...fields].filter(([name]) => !style.omit.includes(name));
  if (style.reordered) kept.reverse();
  return `{${kept.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

export function renderHeartbeat(time: Nanos, asked: TimeFormat, style: PriceStyle = PLAIN_STYLE): string {
  return JSON.stringify({ type: 'HEARTBEAT', time: formatTime(time, style.timeFormat ?? asked, style.timeDigits) });
}

function timeOf({ time, timeText }: ClientPrice, asked: TimeFormat, style: PriceStyle): string {
  return timeText ?? formatTime(time, style.timeFormat ?? asked, style.timeDigits);
}

function ladder(levels: readonly Level[], style: PriceStyle): string {
  const written = levels.map(({ price, liquidity }) => {
    const size = style.liquidity === 'absent' ? '' : `,"liquidity":${amount(liquidity, style)}`;
    return `{"price":${JSON.stringify(price)}${size}}`;
  });
  return `[${written.join(',')}]`;
}

function amount(liquidity: number, style: PriceStyle): string {
  const text = String(liquidity);
  if (style.liquidity === 'string') return `"${text}"`;
  return style.liquidity === 'fraction' && Number.isInteger(liquidity) ? `${text}.0` : text;
}

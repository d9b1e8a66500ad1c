import { enums } from '../../graphql/resolvers/enums.ts';
import { isEventOf } from '../../market/isEventOf.ts';
import { CANDLE_INTERVALS, SHARED } from '../../market/marketData.ts';
import type { CandleInterval, MarketData, MarketDataType } from '../../market/marketData.ts';

const HEADER = ['broker', 'symbol', 'time', 'receivedAt', 'sequence', 'cursor'] as const;
/** The members of each type behind those of the header, in the order in which a gateway makes them. */
const MEMBERS: Readonly<Record<MarketDataType, readonly string[]>> = {
  tick: ['bid', 'bidSize', 'ask', 'askSize', 'last', 'mid', 'spread'],
  trade: ['tradeId', 'price', 'size', 'side', 'backfilled'],
  candle: [
    'interval',
    'openTime',
    'closeTime',
    'open',
    'high',
    'low',
    'close',
    'volume',
    'tradeCount',
    'closed',
    'backfilled',
  ],
  orderbook: ['kind', 'bids', 'asks'],
  status: ['state', 'reason', 'since', 'gap', 'replay'],
};

/** Turns an event of the GraphQL API into what it was inside of the gateway. Returns null for anything else. */
export function eventOf(value: unknown): MarketData | null {
  if (!isRecord(value)) return null;
  const type = valueIn(enums.MarketDataType, value['type']);
  if (type === null) return null;
  const { broker, symbol } = value;
  if (typeof broker !== 'string' || typeof symbol !== 'string') return null;
  const event: Record<string, unknown> = { type };
  for (const name of [...HEADER, ...MEMBERS[type]]) event[name] = inside(name, value[name]);
  const address = { scope: SHARED, broker, symbol, type, interval: intervalOf(event['interval']) };
  return isEventOf(address, event) ? event : null;
}

/** The member as the gateway has it: enums have other values there. */
function inside(name: string, value: unknown): unknown {
  switch (name) {
    case 'side':
      return valueIn(enums.Side, value);
    case 'interval':
      return valueIn(enums.CandleInterval, value);
    case 'kind':
      return valueIn(enums.BookUpdateKind, value);
    case 'state':
      return valueIn(enums.FeedState, value);
    case 'gap':
      return isRecord(value)
        ? { type: valueIn(enums.MarketDataType, value['type']), from: value['from'], to: value['to'] }
        : null;
    default:
      return value ?? null;
  }
}

function intervalOf(value: unknown): CandleInterval | null {
  return typeof value === 'string' && isInterval(value) ? value : null;
}

/** True for an interval as the raw protocol and the command line write it. */
export function isInterval(text: string): text is CandleInterval {
  return Object.hasOwn(CANDLE_INTERVALS, text);
}

/** The name of a value in the GraphQL schema. */
export function nameIn(names: Readonly<Record<string, string>>, value: string): string {
  return Object.keys(names).find((name) => names[name] === value) ?? value;
}

function valueIn<Value>(names: Readonly<Record<string, Value>>, name: unknown): Value | null {
  return typeof name === 'string' && Object.hasOwn(names, name) ? (names[name] ?? null) : null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

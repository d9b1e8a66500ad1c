import type { CandleInterval } from '../../market/marketData.ts';
import { assertNever } from '../../shared/errors.ts';
import type { Feed } from '../BaseBroker.ts';

/** The kind of trade stream that is used: every fill, or one event for each taker order and price. */
export type TradeMode = 'individual' | 'aggregate';

/** Intervals that the venue has; five seconds are put together from seconds. */
export type KlineInterval = Exclude<CandleInterval, '5s'>;

const INTERVALS: readonly KlineInterval[] = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'];

/** A kind of stream that the venue offers for each symbol. */
export type StreamKind =
  | { readonly type: 'tick' }
  | { readonly type: 'trade'; readonly mode: TradeMode }
  | { readonly type: 'candle'; readonly interval: KlineInterval }
  | { readonly type: 'orderbook' };

/** One stream of the venue delivers one of these. */
export interface VenueStreamAddress {
  readonly symbol: string;
  readonly kind: StreamKind;
}

/** Letters of any script, digits and the venue's three signs; nothing that could end a name or begin another. */
const SYMBOL = /^[\p{L}\p{N}._-]{1,50}$/u;
const NAME = /^(?<symbol>[\p{L}\p{N}._-]{1,50})@(?<channel>[a-z0-9_@]+)$/u;

/** False if no symbol of this venue can look like that: it must not become part of a stream's name. */
export function isPossibleSymbol(symbol: string): boolean {
  return SYMBOL.test(symbol);
}

/** The stream that a feed is made from. */
export function streamOf(feed: Feed, trades: TradeMode): VenueStreamAddress {
  const { symbol, type, interval } = feed;
  switch (type) {
    case 'tick':
    case 'orderbook':
      return { symbol, kind: { type } };
    case 'trade':
      return { symbol, kind: { type, mode: trades } };
    case 'candle':
      return { symbol, kind: { type, interval: interval === '5s' ? '1s' : (interval ?? '1m') } };
    default:
      return assertNever(type);
  }
}

/** The venue's name of a stream. Its symbol is lower case: one in upper case is acknowledged and never delivers. */
export function toStreamName({ symbol, kind }: VenueStreamAddress): string {
  return `${symbol.toLowerCase()}@${channelOf(kind)}`;
}

/** Parses the venue's name of a stream, in any case; undefined for a stream that is not one of ours. */
export function fromStreamName(name: string): VenueStreamAddress | undefined {
  // The only names that differ by case alone: this one is the month.
  if (name.endsWith('@kline_1M')) return undefined;
  const { symbol, channel } = NAME.exec(name.toLowerCase())?.groups ?? {};
  const kind = channel === undefined ? undefined : KINDS.get(channel);
  return symbol === undefined || kind === undefined ? undefined : { symbol: symbol.toUpperCase(), kind };
}

function channelOf(kind: StreamKind): string {
  switch (kind.type) {
    case 'tick':
      return 'bookTicker';
    case 'trade':
      return kind.mode === 'individual' ? 'trade' : 'aggTrade';
    case 'candle':
      return `kline_${kind.interval}`;
    case 'orderbook':
      return 'depth@100ms';
    default:
      return assertNever(kind);
  }
}

const KINDS: ReadonlyMap<string, StreamKind> = new Map(
  [
    { type: 'tick' } as const,
    { type: 'trade', mode: 'individual' } as const,
    { type: 'trade', mode: 'aggregate' } as const,
    { type: 'orderbook' } as const,
    ...INTERVALS.map((interval) => ({ type: 'candle', interval }) as const),
  ].map((kind) => [channelOf(kind).toLowerCase(), kind]),
);

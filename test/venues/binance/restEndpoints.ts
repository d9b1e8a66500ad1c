import { answerAccount } from './account.ts';
import type { StandInAccount } from './account.ts';
import type { SymbolInfo } from './instruments.ts';
import { RestError } from './restParams.ts';
import type { RestParams } from './restParams.ts';
import type { AggTradeRecord, Bar, RangeQuery, SymbolSource, TradeRecord } from './SymbolSource.ts';
import { inUnit, justBefore } from './time.ts';
import type { Now } from '../timing.ts';
import type { TimeUnit } from './time.ts';

/** The data that the endpoints use. */
export interface RestWorld {
  readonly now: Now;
  readonly symbols: () => Iterable<SymbolInfo>;
  readonly rateLimits: readonly unknown[];
  /** Undefined for a symbol that is not listed. */
  readonly source: (symbol: string) => SymbolSource | undefined;
  readonly accounts: readonly StandInAccount[];
}

export interface RestRequest {
  readonly params: RestParams;
  /** The query as it was sent, without `?`. */
  readonly rawQuery: string;
  readonly apiKey: string | null;
  readonly unit: TimeUnit;
}

export interface Endpoint {
  readonly weight: (query: URLSearchParams) => number;
  /** Returns the reply's body. Throws a RestError. */
  readonly answer: (request: RestRequest, world: RestWorld) => string | Promise<string>;
  /** The host that has market data only does not serve it. */
  readonly beyondMarketData?: true;
}

const LIST_LIMIT = { fallback: 500, max: 1000, above: 'refuse' } as const;

export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/api/v3/ping': { weight: () => 1, answer: ({ params }) => ended(params, '{}') },
  '/api/v3/time': {
    weight: () => 1,
    answer: ({ params, unit }, { now }) => ended(params, JSON.stringify({ serverTime: inUnit(now(), unit) })),
  },
  '/api/v3/exchangeInfo': { weight: () => 20, answer: exchangeInfo },
  '/api/v3/depth': { weight: depthWeight, answer: depth },
  '/api/v3/trades': { weight: () => 25, answer: (request, world) => trades(request, world, false) },
  '/api/v3/historicalTrades': {
    weight: () => 25,
    answer: (request, world) => trades(request, world, true),
    beyondMarketData: true,
  },
  '/api/v3/aggTrades': { weight: () => 4, answer: aggTrades },
  '/api/v3/klines': { weight: () => 2, answer: klines },
  '/api/v3/ticker/bookTicker': {
    weight: tickerWeight,
    answer: (request, world) => tickers(request, world, bookTicker),
  },
  '/api/v3/ticker/price': {
    weight: tickerWeight,
    answer: (request, world) => tickers(request, world, (symbol, source) => ({ symbol, price: source.lastPrice() })),
  },
  '/api/v3/account': { weight: () => 20, answer: answerAccount, beyondMarketData: true },
};

function ended(params: RestParams, body: string): string {
  params.end();
  return body;
}

function exchangeInfo({ params, unit }: RestRequest, world: RestWorld): string {
  const one = params.has('symbol') ? [params.symbol()] : null;
  const wanted = one ?? params.symbols();
  const status = params.text('symbolStatus');
  const withSets = params.text('showPermissionSets') !== 'false';
  if (wanted !== null && status !== null)
    throw new RestError(400, -1128, 'Combination of optional parameters invalid.');
  params.end();
  let symbols = [...world.symbols()];
  if (wanted !== null) {
    symbols = wanted.map((name) => symbols.find(({ symbol }) => symbol === name) ?? invalidSymbol());
  }
  if (status !== null) symbols = symbols.filter((info) => info.status === status);
  return JSON.stringify({
    timezone: 'UTC',
    serverTime: inUnit(world.now(), unit),
    rateLimits: world.rateLimits,
    exchangeFilters: [],
    symbols: withSets ? symbols : symbols.map((info) => ({ ...info, permissionSets: [] })),
  });
}

function depth({ params }: RestRequest, world: RestWorld): string | Promise<string> {
  const symbol = params.symbol();
  const limit = params.limit({ fallback: 100, max: 5000, above: 'cut' });
  const source = sourceOf(symbol, params, world);
  params.end();
  return source.depthReply(limit);
}

function depthWeight(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 100);
  if (limit <= 100) return 5;
  if (limit <= 500) return 25;
  return limit <= 1000 ? 50 : 250;
}

function trades({ params, unit }: RestRequest, world: RestWorld, fromAny: boolean): string {
  const symbol = params.symbol();
  const query = { limit: params.limit(LIST_LIMIT), fromId: fromAny ? params.integer('fromId') : null };
  const source = sourceOf(symbol, params, world);
  params.end();
  return JSON.stringify(source.trades(query).map((trade) => tradeRow(trade, unit)));
}

function tradeRow(trade: TradeRecord, unit: TimeUnit): unknown {
  return {
    id: trade.id,
    price: trade.price,
    qty: trade.quantity,
    quoteQty: trade.quoteQuantity,
    time: inUnit(trade.timeMs, unit),
    isBuyerMaker: trade.buyerIsMaker,
    isBestMatch: true,
  };
}

function aggTrades({ params, unit }: RestRequest, world: RestWorld): string {
  const symbol = params.symbol();
  const fromId = params.integer('fromId');
  const range = rangeOf(params);
  if (fromId !== null && (range.startMs !== null || range.endMs !== null)) {
    throw new RestError(400, -1128, 'Combination of optional parameters invalid.');
  }
  const source = sourceOf(symbol, params, world);
  params.end();
  return JSON.stringify(source.aggTrades({ ...range, fromId }).map((aggregate) => aggTradeRow(aggregate, unit)));
}

function aggTradeRow({ a, p, q, f, l, T, m }: AggTradeRecord, unit: TimeUnit): unknown {
  return { a, p, q, f, l, T: inUnit(T, unit), m, M: true };
}

function klines({ params, unit }: RestRequest, world: RestWorld): string {
  const symbol = params.symbol();
  const interval = params.interval();
  const range = rangeOf(params);
  const source = sourceOf(symbol, params, world);
  params.end();
  return JSON.stringify(source.bars({ ...range, interval }).map((bar) => klineRow(bar, unit)));
}

/** Open, high, low, close: this is not the order of a stream's letters. */
function klineRow(bar: Bar, unit: TimeUnit): unknown {
  const prices = [bar.o, bar.h, bar.l, bar.c];
  return [inUnit(bar.t, unit), ...prices, bar.v, justBefore(bar.endMs, unit), bar.q, bar.n, bar.V, bar.Q, '0'];
}

function rangeOf(params: RestParams): RangeQuery {
  return { startMs: params.timeMs('startTime'), endMs: params.timeMs('endTime'), limit: params.limit(LIST_LIMIT) };
}

function tickers(
  { params }: RestRequest,
  world: RestWorld,
  row: (symbol: string, source: SymbolSource) => unknown,
): string {
  const render = (symbol: string): unknown => row(symbol, world.source(symbol) ?? invalidSymbol());
  if (params.has('symbol')) return ended(params, JSON.stringify(render(params.symbol())));
  const symbols = params.symbols() ?? [...world.symbols()].map(({ symbol }) => symbol);
  return ended(params, JSON.stringify(symbols.map(render)));
}

function tickerWeight(query: URLSearchParams): number {
  return query.has('symbol') ? 2 : 4;
}

/** An empty side shows as zeros. */
function bookTicker(symbol: string, source: SymbolSource): unknown {
  const { bid, ask } = source.best();
  const [bidPrice, bidQty] = bid ?? ['0.00000000', '0.00000000'];
  const [askPrice, askQty] = ask ?? ['0.00000000', '0.00000000'];
  return { symbol, bidPrice, bidQty, askPrice, askQty };
}

function sourceOf(symbol: string, params: RestParams, world: RestWorld): SymbolSource {
  const status = params.text('symbolStatus');
  const source = world.source(symbol) ?? invalidSymbol();
  if (status === null) return source;
  const info = [...world.symbols()].find((candidate) => candidate.symbol === symbol);
  if (info?.status === status) return source;
  throw new RestError(400, -1220, "The symbol's status does not match the requested symbolStatus.");
}

function invalidSymbol(): never {
  throw new RestError(400, -1121, 'Invalid symbol.');
}

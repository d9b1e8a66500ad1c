import type { Instrument } from '../market/instrument.ts';
import type {
  Candle,
  CandleInterval,
  EventHeader,
  FeedStanding,
  FeedType,
  MarketData,
  OrderBookUpdate,
  Tick,
  Trade,
} from '../market/marketData.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { GatewayError } from '../shared/errors.ts';
import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { unknownSymbol } from './routeSymbols.ts';
import type { BrokerAccess } from './subscription.ts';
import { checkRange, checkSymbol } from './Subscriptions.ts';

/** A question about one symbol, and who asks it. */
export interface SymbolQuery {
  readonly broker: string;
  readonly symbol: string;
  readonly access: BrokerAccess;
  readonly asker: Asker;
}

/** A question for the candles of a symbol. */
export interface CandlesQuery extends SymbolQuery {
  readonly interval: CandleInterval;
  /** Both limits are open times in milliseconds since the epoch, and inclusive. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly limit: number;
}

/** A question for one page of a broker's instruments. */
export interface InstrumentsQuery {
  readonly broker: string;
  readonly access: BrokerAccess;
  readonly search: string | null;
  readonly first: number;
  /** A cursor from `cursorOf`. */
  readonly after: string | null;
}

/** One page of instruments, in the order of their symbols. */
export interface InstrumentPage {
  readonly instruments: readonly Instrument[];
  readonly hasPreviousPage: boolean;
  readonly hasNextPage: boolean;
  readonly totalCount: number;
}

const MAX_CANDLES = 5_000;
const MAX_TRADES = 1_000;
const MAX_DEPTH = 1_000;
const MAX_PAGE = 1_000;

/** One-off queries: answered from the state of live streams if there is one, otherwise by the venue. */
export class Queries {
  readonly #manager: BrokerManager;

  constructor(manager: BrokerManager) {
    this.#manager = manager;
  }

  async tick(query: SymbolQuery): Promise<Tick | null> {
    const { adapter, scope } = await this.#adapter(query);
    const latest = (type: 'tick' | 'status'): MarketData | null =>
      this.#manager.state.latest(keyOf({ ...query, scope }, type, null));
    const live = latest('tick');
    const standing = standingIn(latest('status'), 'tick');
    if (live?.type === 'tick' && standing?.state === 'live') return live;
    if (standing?.state === 'withdrawn') return null;
    const draft = await adapter.fetchTick(query.symbol, query.asker);
    return draft === null ? null : asked(query, draft);
  }

  async orderBook(query: SymbolQuery, depth: number): Promise<OrderBookUpdate | null> {
    checkRange('depth', depth, { from: 1, to: MAX_DEPTH });
    const { adapter, scope } = await this.#adapter(query);
    const { state } = this.#manager;
    const known = state.book(keyOf({ ...query, scope }, 'orderbook', null));
    const standing = standingIn(state.latest(keyOf({ ...query, scope }, 'status', null)), 'orderbook');
    if (known !== null && standing?.state === 'live') {
      return { ...known.latest, kind: 'snapshot', ...known.book.top(depth) };
    }
    if (standing?.state === 'withdrawn') return null;
    const draft = await adapter.fetchOrderBook(query.symbol, depth, query.asker);
    if (draft === null) return null;
    return asked(query, { ...draft, bids: draft.bids.slice(0, depth), asks: draft.asks.slice(0, depth) });
  }

  async candles(query: CandlesQuery): Promise<readonly Candle[]> {
    const { symbol, interval, fromMs, toMs, limit } = query;
    checkRange('limit', limit, { from: 1, to: MAX_CANDLES });
    if (fromMs !== null && toMs !== null && fromMs > toMs) {
      throw new GatewayError('BAD_REQUEST', 'from: expected an instant that is not after `to`.');
    }
    const { adapter } = await this.#adapter(query);
    const drafts = await adapter.fetchCandles({ symbol, interval, fromMs, toMs, limit }, query.asker);
    return drafts.map((draft) => asked(query, draft));
  }

  async trades(query: SymbolQuery, limit: number): Promise<readonly Trade[]> {
    checkRange('limit', limit, { from: 1, to: MAX_TRADES });
    const { adapter } = await this.#adapter(query);
    const drafts = await adapter.fetchTrades(query.symbol, limit, query.asker);
    return drafts.map((draft) => asked(query, draft));
  }

  async instruments({ broker, access, search, first, after }: InstrumentsQuery): Promise<InstrumentPage> {
    checkRange('first', first, { from: 0, to: MAX_PAGE });
    const found = (await this.#manager.catalog(broker, access)).search(search ?? '');
    const last = after === null ? null : symbolOf(after);
    const start = last === null ? 0 : found.findIndex(({ symbol }) => symbol > last);
    const from = start === -1 ? found.length : start;
    const instruments = found.slice(from, from + first);
    return {
      instruments,
      hasPreviousPage: from > 0,
      hasNextPage: from + instruments.length < found.length,
      totalCount: found.length,
    };
  }

  /** The adapter for a symbol that the broker lists. */
  async #adapter({ broker, symbol, access }: SymbolQuery): Promise<ReturnType<BrokerManager['getBroker']>> {
    checkSymbol('symbol', symbol);
    const catalog = await this.#manager.catalog(broker, access, symbol);
    if (catalog.get(symbol) === undefined) throw unknownSymbol(symbol, [{ id: broker, catalog, open: true }]);
    return this.#manager.getBroker(broker, access);
  }
}

function standingIn(status: MarketData | null, type: FeedType): FeedStanding | undefined {
  return status?.type === 'status' ? status.feeds?.find((each) => each.type === type) : undefined;
}

/**
 * The position of a symbol in a page of instruments. Opaque to clients, and valid as long as the venue lists the
 * symbol.
 */
export function cursorOf(symbol: string): string {
  return Buffer.from(symbol, 'utf8').toString('base64url');
}

function symbolOf(cursor: string): string {
  const symbol = Buffer.from(cursor, 'base64url').toString('utf8');
  if (symbol === '' || cursorOf(symbol) !== cursor) {
    throw new GatewayError('BAD_REQUEST', 'after: expected a cursor of an earlier page.');
  }
  return symbol;
}

/** An answer belongs to no stream, so its sequence is 0. */
function asked<T extends object>(
  { broker, symbol }: SymbolQuery,
  draft: T,
): T & Omit<EventHeader, 'time' | 'receivedAt'> {
  return { ...draft, broker, symbol, sequence: 0, cursor: 'query' };
}

import type { Instrument } from '../market/instrument.ts';
import type {
  Candle,
  CandleInterval,
  EventHeader,
  MarketData,
  OrderBookUpdate,
  Tick,
  Trade,
} from '../market/marketData.ts';
import { GatewayError } from '../shared/errors.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { unknownSymbol } from './routeSymbols.ts';
import { checkRange } from './Subscriptions.ts';

export interface CandlesQuery {
  readonly broker: string;
  readonly symbol: string;
  readonly interval: CandleInterval;
  /** Milliseconds since the epoch; of open times; inclusive. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly limit: number;
}

export interface InstrumentsQuery {
  readonly broker: string;
  readonly search: string | null;
  readonly first: number;
  /** A cursor from `cursorOf`. */
  readonly after: string | null;
}

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

/** What is asked once: answered from what is kept of live streams where that holds, else by the venue. */
export class Queries {
  readonly #manager: BrokerManager;

  constructor(manager: BrokerManager) {
    this.#manager = manager;
  }

  async tick(broker: string, symbol: string): Promise<Tick | null> {
    await this.#checkSymbol(broker, symbol);
    const latest = (type: 'tick' | 'status'): MarketData | null =>
      this.#manager.state.latest(this.#manager.keyOf({ broker, symbol }, type, null));
    const live = latest('tick');
    const status = latest('status');
    if (live?.type === 'tick' && status?.type === 'status' && status.state === 'live') return live;
    const draft = await this.#manager.getBroker(broker).fetchTick(symbol);
    return draft === null ? null : asked(broker, symbol, draft);
  }

  async orderBook(broker: string, symbol: string, depth: number): Promise<OrderBookUpdate | null> {
    checkRange('depth', depth, { from: 1, to: MAX_DEPTH });
    await this.#checkSymbol(broker, symbol);
    const known = this.#manager.state.book(this.#manager.keyOf({ broker, symbol }, 'orderbook', null));
    if (known !== null) return { ...known.latest, kind: 'snapshot', ...known.book.top(depth) };
    const draft = await this.#manager.getBroker(broker).fetchOrderBook(symbol, depth);
    if (draft === null) return null;
    return asked(broker, symbol, { ...draft, bids: draft.bids.slice(0, depth), asks: draft.asks.slice(0, depth) });
  }

  async candles({ broker, symbol, interval, fromMs, toMs, limit }: CandlesQuery): Promise<readonly Candle[]> {
    checkRange('limit', limit, { from: 1, to: MAX_CANDLES });
    if (fromMs !== null && toMs !== null && fromMs > toMs) {
      throw new GatewayError('BAD_REQUEST', 'from: expected an instant that is not after `to`.');
    }
    await this.#checkSymbol(broker, symbol);
    const drafts = await this.#manager.getBroker(broker).fetchCandles({ symbol, interval, fromMs, toMs, limit });
    return drafts.map((draft) => asked(broker, symbol, draft));
  }

  async trades(broker: string, symbol: string, limit: number): Promise<readonly Trade[]> {
    checkRange('limit', limit, { from: 1, to: MAX_TRADES });
    await this.#checkSymbol(broker, symbol);
    const drafts = await this.#manager.getBroker(broker).fetchTrades(symbol, limit);
    return drafts.map((draft) => asked(broker, symbol, draft));
  }

  async instruments({ broker, search, first, after }: InstrumentsQuery): Promise<InstrumentPage> {
    checkRange('first', first, { from: 0, to: MAX_PAGE });
    const found = (await this.#manager.catalog(broker)).search(search ?? '');
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

  async #checkSymbol(broker: string, symbol: string): Promise<void> {
    const catalog = await this.#manager.catalog(broker);
    if (catalog.get(symbol) === undefined) throw unknownSymbol(symbol, [{ id: broker, catalog }]);
  }
}

/** Where a page of instruments went on: opaque to clients, and good for as long as the venue's symbols are. */
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

/** An answer stands in no stream: its sequence is 0. */
function asked<T extends object>(
  broker: string,
  symbol: string,
  draft: T,
): T & Omit<EventHeader, 'time' | 'receivedAt'> {
  return { ...draft, broker, symbol, sequence: 0, cursor: 'query' };
}

import type { CandleQuery } from '../brokers/BaseBroker.ts';
import { OrderBook } from '../market/OrderBook.ts';
import type {
  Candle,
  CandleDraft,
  EventHeader,
  FeedEvent,
  OrderBookDraft,
  OrderBookUpdate,
  Tick,
  TickDraft,
  Trade,
  TradeDraft,
} from '../market/marketData.ts';
import { toEpochMs } from '../market/timestamp.ts';
import { assertNever } from '../shared/errors.ts';

/** As many as one query can ask for, and some more. */
const MAX_CANDLES = 5_000;
const MAX_TRADES = 5_000;
/** The oldest tenth goes at a time. */
const SLACK = 1.1;

interface SymbolHistory {
  tick: Tick | null;
  readonly trades: Trade[];
  /** Closed ones, oldest first. */
  readonly candles: Candle[];
  openCandle: Candle | null;
  book: { readonly levels: OrderBook; last: OrderBookUpdate } | null;
}

/** Remembers the part of a recording that has been played, and answers from it what a venue would be asked. */
export class RecordedHistory {
  readonly #symbols = new Map<string, SymbolHistory>();

  add(event: FeedEvent): void {
    const symbol = this.#symbol(event.symbol);
    switch (event.type) {
      case 'tick':
        symbol.tick = event;
        break;
      case 'trade':
        keep(symbol.trades, event, MAX_TRADES);
        break;
      case 'candle':
        symbol.openCandle = event.closed ? null : event;
        if (event.closed) keep(symbol.candles, event, MAX_CANDLES);
        break;
      case 'orderbook':
        addToBook(symbol, event);
        break;
      default:
        assertNever(event);
    }
  }

  /** The book does not hold any more. */
  loseBook(symbol: string): void {
    this.#symbol(symbol).book = null;
  }

  clear(): void {
    this.#symbols.clear();
  }

  candles({ symbol, fromMs, toMs, limit }: CandleQuery): readonly CandleDraft[] {
    const { candles, openCandle } = this.#symbol(symbol);
    const all = openCandle === null ? candles : [...candles, openCandle];
    const within = all.filter(({ openTime }) => {
      const at = toEpochMs(openTime);
      return at >= (fromMs ?? -Infinity) && at <= (toMs ?? Infinity);
    });
    return (fromMs === null ? within.slice(-limit) : within.slice(0, limit)).map(draftOf);
  }

  trades(symbol: string, limit: number): readonly TradeDraft[] {
    return this.#symbol(symbol).trades.slice(-limit).map(draftOf);
  }

  tradesFrom(symbol: string, tradeId: number, limit: number): readonly TradeDraft[] {
    const { trades } = this.#symbol(symbol);
    return trades
      .filter((trade) => Number(trade.tradeId) >= tradeId)
      .slice(0, limit)
      .map(draftOf);
  }

  tick(symbol: string): TickDraft | null {
    const { tick } = this.#symbol(symbol);
    return tick === null ? null : draftOf(tick);
  }

  orderBook(symbol: string, depth: number): OrderBookDraft | null {
    const { book } = this.#symbol(symbol);
    return book === null ? null : { ...draftOf(book.last), ...book.levels.top(depth), kind: 'snapshot' };
  }

  #symbol(name: string): SymbolHistory {
    const known = this.#symbols.get(name);
    if (known !== undefined) return known;
    const made: SymbolHistory = { tick: null, trades: [], candles: [], openCandle: null, book: null };
    this.#symbols.set(name, made);
    return made;
  }
}

function addToBook(symbol: SymbolHistory, event: OrderBookUpdate): void {
  if (symbol.book === null && event.kind === 'delta') return;
  symbol.book ??= { levels: new OrderBook(), last: event };
  symbol.book.levels.apply(event);
  symbol.book.last = event;
}

function keep<Event>(events: Event[], event: Event, most: number): void {
  events.push(event);
  if (events.length > most * SLACK) events.splice(0, events.length - most);
}

type DraftOf<Event extends EventHeader> = Omit<Event, 'broker' | 'symbol' | 'sequence' | 'cursor'>;

/** The event without what a gateway has given it. */
function draftOf<Event extends EventHeader>(event: Event): DraftOf<Event> {
  const { broker: _broker, symbol: _symbol, sequence: _sequence, cursor: _cursor, ...draft } = event;
  return draft;
}

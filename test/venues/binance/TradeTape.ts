import { inRange } from './SymbolSource.ts';
import type { AggTradeRecord, RangeQuery, TradeQuery, TradeRecord } from './SymbolSource.ts';
import { product, toText, toUnits } from './units.ts';

export interface Execution {
  readonly price: string;
  readonly quantity: string;
  readonly timeMs: number;
  readonly buyerIsMaker: boolean;
}

/** This is more than a gateway may request after any outage that a test makes. */
const KEPT = 20_000;

/** Every trade of one symbol with consecutive ids, kept so that REST can return what a stream missed. */
export class TradeTape {
  readonly #trades: TradeRecord[] = [];
  readonly #aggregates: AggTradeRecord[] = [];
  #nextTradeId: number;
  #nextAggregateId: number;

  constructor(firstId: number) {
    this.#nextTradeId = firstId;
    this.#nextAggregateId = firstId - 500_000;
  }

  /** All trades, oldest first. */
  get all(): readonly TradeRecord[] {
    return this.#trades;
  }

  get last(): TradeRecord | undefined {
    return this.#trades.at(-1);
  }

  /** Executes one taker order that fills in one or more trades at one price: as many trades, one aggregate. */
  execute(fills: readonly [Execution, ...Execution[]]): { trades: readonly TradeRecord[]; aggregate: AggTradeRecord } {
    const trades = fills.map((fill) => this.#record(fill));
    const [first] = fills;
    const firstId = this.#nextTradeId - trades.length;
    const aggregate: AggTradeRecord = {
      a: this.#nextAggregateId,
      p: toText(toUnits(first.price)),
      q: toText(fills.reduce((sum, fill) => sum + toUnits(fill.quantity), 0n)),
      f: firstId,
      l: this.#nextTradeId - 1,
      T: first.timeMs,
      m: first.buyerIsMaker,
    };
    this.#nextAggregateId += 1;
    this.#aggregates.push(aggregate);
    if (this.#trades.length > KEPT) this.#trades.splice(0, this.#trades.length - KEPT);
    if (this.#aggregates.length > KEPT) this.#aggregates.splice(0, this.#aggregates.length - KEPT);
    return { trades, aggregate };
  }

  trades({ fromId, limit }: TradeQuery): readonly TradeRecord[] {
    if (fromId === null) return this.#trades.slice(-limit);
    return this.#trades.filter((trade) => trade.id >= fromId).slice(0, limit);
  }

  aggTrades(query: RangeQuery & TradeQuery): readonly AggTradeRecord[] {
    return selectAggTrades(this.#aggregates, query);
  }

  #record({ price, quantity, timeMs, buyerIsMaker }: Execution): TradeRecord {
    const trade: TradeRecord = {
      id: this.#nextTradeId,
      price: toText(toUnits(price)),
      quantity: toText(toUnits(quantity)),
      quoteQuantity: toText(product(toUnits(price), toUnits(quantity))),
      timeMs,
      buyerIsMaker,
    };
    this.#nextTradeId += 1;
    this.#trades.push(trade);
    return trade;
  }
}

export function selectAggTrades(
  aggregates: readonly AggTradeRecord[],
  query: RangeQuery & TradeQuery,
): readonly AggTradeRecord[] {
  const { fromId, limit } = query;
  if (fromId === null) return inRange(aggregates, (aggregate) => aggregate.T, query);
  return aggregates.filter((aggregate) => aggregate.a >= fromId).slice(0, limit);
}

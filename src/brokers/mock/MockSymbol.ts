import type { CandleQuery } from '../BaseBroker.ts';
import type {
  CandleDraft,
  CandleInterval,
  OrderBookDraft,
  TickDraft,
  TradeDraft,
  BookUpdateKind,
  PriceLevel,
} from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { CandleHistory, MockCandles } from './MockCandles.ts';
import type { MarketSpec } from './marketSpec.ts';
import type { CandlePoint } from './MockCandles.ts';
import { earlierTrades, FIRST_TRADE_ID, MockMarket } from './MockMarket.ts';
import type { MarketStep, MarketTrade, MarketQuote, LadderLevel } from './MockMarket.ts';
import { fromUnits, midpoint, subtract } from '../../market/decimal.ts';
import type { Timestamp } from '../../market/timestamp.ts';

/** Trades that are kept for queries. Beyond it the oldest go. */
const MOST_TRADES = 1_000;

/** The market events of one step; each is made when it is asked for. */
export interface SymbolStep {
  tick(): TickDraft;
  delta(): OrderBookDraft;
  /** The whole book, as the step left it. */
  book(): OrderBookDraft;
  trades(): readonly TradeDraft[];
  readonly candles: readonly CandleDraft[];
}

interface PastTrade {
  readonly trade: MarketTrade;
  readonly timeMs: number;
}

/** One symbol's market with times: its steps as events, and its past for queries. */
export class MockSymbol {
  readonly #spec: MarketSpec;
  readonly #market: MockMarket;
  readonly #candles: MockCandles;
  /** Oldest first. */
  readonly #trades: PastTrade[] = [];
  readonly #startMs: number;
  #lastTradeId = FIRST_TRADE_ID - 1;

  constructor(spec: MarketSpec, startMs: number) {
    this.#spec = spec;
    this.#startMs = startMs;
    this.#market = new MockMarket(spec);
    this.#candles = new MockCandles(new CandleHistory(spec));
  }

  get hasBegun(): boolean {
    return this.#market.steps > 0;
  }

  /** The id of the newest trade, even if it is not kept; before the first one, that before it. */
  get lastTradeId(): number {
    return this.#lastTradeId;
  }

  /** `isKept`: history has its trades and the candles that it closes. */
  step(nowMs: number, isKept = true): SymbolStep {
    const spec = this.#spec;
    const time = fromEpochMs(nowMs);
    const step = this.#market.step();
    this.#lastTradeId = step.trades.at(-1)?.id ?? this.#lastTradeId;
    if (isKept) this.#keep(step, nowMs);
    return {
      tick: () => toTick(spec, step.quote, time),
      delta: () => toBook(spec, { kind: 'delta', bids: step.bids, asks: step.asks }, time),
      book: () => this.book(nowMs),
      trades: () => step.trades.map((trade) => toTrade(spec, trade, { time, backfilled: false })),
      candles: this.#candles.add(this.#points(step), { timeMs: nowMs, isKept }),
    };
  }

  /** Closes the candles that have ended. `isKept`: history has them. */
  closeCandles(nowMs: number, isKept = true): readonly CandleDraft[] {
    return this.#candles.close(nowMs, isKept);
  }

  tick(nowMs: number): TickDraft {
    return toTick(this.#spec, this.#market.quote, fromEpochMs(nowMs));
  }

  book(nowMs: number, depth = Number.POSITIVE_INFINITY): OrderBookDraft {
    const { bids, asks } = this.#market;
    const part = { kind: 'snapshot', bids: bids.slice(0, depth), asks: asks.slice(0, depth) } as const;
    return toBook(this.#spec, part, fromEpochMs(nowMs));
  }

  candle(interval: CandleInterval, nowMs: number): CandleDraft | null {
    return this.#candles.current(interval, nowMs);
  }

  candles(query: CandleQuery, nowMs: number): readonly CandleDraft[] {
    const { last, mid } = this.tick(nowMs);
    return this.#candles.query(query, { nowMs, price: last ?? mid });
  }

  /**
   * The latest, oldest first and without a hole; if there were not so many yet, made-up ones from before the start come
   * first.
   */
  trades(limit: number): readonly TradeDraft[] {
    const past = this.#past(limit);
    return past.slice(Math.max(0, past.findLastIndex(isBehindHole))).map(this.#draft);
  }

  /** This one and the oldest behind it. Lost ones show by their numbers. */
  tradesFrom(tradeId: number, limit: number): readonly TradeDraft[] {
    const from = this.#past(MOST_TRADES).filter(({ trade }) => trade.id >= tradeId);
    return from.slice(0, limit).map(this.#draft);
  }

  /** Those that were kept behind this one, oldest first, as they are received now. */
  keptTradesBehind(tradeId: number, nowMs: number): readonly TradeDraft[] {
    const receivedAt = fromEpochMs(nowMs);
    const behind = this.#trades.filter(({ trade }) => trade.id > tradeId);
    return behind.map((kept) => ({ ...this.#draft(kept), receivedAt }));
  }

  /** The closed candles that opened from `fromMs` on and were kept, oldest first, as they are received now. */
  keptCandles(interval: CandleInterval, fromMs: number, nowMs: number): readonly CandleDraft[] {
    const receivedAt = fromEpochMs(nowMs);
    return this.#candles.closedSince(interval, fromMs).map((candle) => ({ ...candle, receivedAt, backfilled: true }));
  }

  /** True if a candle that opened from `fromMs` on and before `untilMs` was closed and not kept. */
  hasLostCandle(interval: CandleInterval, fromMs: number, untilMs: number): boolean {
    return this.#candles.hasLost(interval, fromMs, untilMs);
  }

  readonly #draft = ({ trade, timeMs }: PastTrade): TradeDraft =>
    toTrade(this.#spec, trade, { time: fromEpochMs(timeMs), backfilled: true });

  /** The latest that were kept, oldest first, behind made-up ones from before the start. */
  #past(limit: number): readonly PastTrade[] {
    const count = Math.min(limit, MOST_TRADES);
    const recent = this.#trades.slice(Math.max(0, this.#trades.length - count));
    const gapMs = Math.max(1, Math.round(1000 / this.#spec.stepsPerSecond));
    const earlier = earlierTrades(this.#spec, count - recent.length);
    return [
      ...earlier.map((trade, index) => ({ trade, timeMs: this.#startMs - (earlier.length - index) * gapMs })),
      ...recent,
    ];
  }

  #keep({ trades }: MarketStep, timeMs: number): void {
    this.#trades.push(...trades.map((trade) => ({ trade, timeMs })));
    this.#trades.splice(0, Math.max(0, this.#trades.length - MOST_TRADES));
  }

  #points({ quote, trades }: MarketStep): readonly CandlePoint[] {
    if (!this.#spec.hasTrades) return [{ price: toTick(this.#spec, quote, fromEpochMs(0)).mid, size: null }];
    return trades.map((trade) => toLevel(this.#spec, trade));
  }
}

/** True for a trade whose predecessor is not the one in front of it. */
function isBehindHole({ trade }: PastTrade, at: number, past: readonly PastTrade[]): boolean {
  const before = past[at - 1];
  return before !== undefined && before.trade.id !== trade.id - 1;
}

function toTick(spec: MarketSpec, { bid, ask, last }: MarketQuote, time: Timestamp): TickDraft {
  const best = toLevel(spec, bid);
  const offered = toLevel(spec, ask);
  return {
    type: 'tick',
    time,
    receivedAt: time,
    bid: best.price,
    bidSize: best.size,
    ask: offered.price,
    askSize: offered.size,
    last: last === null ? null : fromUnits(last, spec.priceDecimals),
    mid: midpoint(best.price, offered.price),
    spread: subtract(offered.price, best.price),
  };
}

function toTrade(
  spec: MarketSpec,
  { id, price, size, side }: MarketTrade,
  { time, backfilled }: Pick<TradeDraft, 'time' | 'backfilled'>,
): TradeDraft {
  const level = toLevel(spec, { price, size });
  return { type: 'trade', time, receivedAt: time, tradeId: String(id), ...level, side, backfilled };
}

/** A book is published in these two forms: all of it, or only its changes. */
interface BookPart {
  readonly kind: BookUpdateKind;
  readonly bids: readonly LadderLevel[];
  readonly asks: readonly LadderLevel[];
}

function toBook(spec: MarketSpec, { kind, bids, asks }: BookPart, time: Timestamp): OrderBookDraft {
  const levels = (side: readonly LadderLevel[]): readonly PriceLevel[] => side.map((level) => toLevel(spec, level));
  return { type: 'orderbook', time, receivedAt: time, kind, bids: levels(bids), asks: levels(asks) };
}

function toLevel({ priceDecimals, sizeDecimals }: MarketSpec, { price, size }: LadderLevel): PriceLevel {
  return { price: fromUnits(price, priceDecimals), size: fromUnits(size, sizeDecimals) };
}

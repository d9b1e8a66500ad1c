import type { Side } from '../../market/marketData.ts';
import type { Random } from '../../shared/random.ts';
import { seededRandom } from '../../shared/random.ts';
import { seedOf, small, whole, PriceWalk } from './PriceWalk.ts';
import type { MarketSpec } from './marketSpec.ts';

/** A made-up trade; price and size in their smallest steps. */
export interface MarketTrade {
  readonly id: number;
  readonly price: number;
  readonly size: number;
  /** The side of the taker. */
  readonly side: Side;
}

/** Best bid and ask, and the last trade before them; prices and sizes in their smallest steps. */
export interface MarketQuote {
  readonly bid: LadderLevel;
  readonly ask: LadderLevel;
  /** The price of the last trade before; null if there are no trades. */
  readonly last: number | null;
}

/** One step of the market produced these events. The trades met the quote of the same step. */
export interface MarketStep {
  readonly quote: MarketQuote;
  readonly trades: readonly MarketTrade[];
  /** Levels of the book that changed, best first. */
  readonly bids: readonly LadderLevel[];
  readonly asks: readonly LadderLevel[];
}

/** Trades made up for the time before the first step count down from here. */
export const FIRST_TRADE_ID = 1_000_001;

/**
 * One symbol's made-up market in whole numbers, without time: the n-th step of a (seed, symbol) is always the same,
 * whoever watches it. Book, quote and trades agree at every step, and the book is never crossed.
 */
export class MockMarket {
  readonly #spec: MarketSpec;
  readonly #random: Random;
  readonly #walk: PriceWalk;
  readonly #bids: BookLadder;
  readonly #asks: BookLadder;
  #quote: MarketQuote;
  #nextTradeId = FIRST_TRADE_ID;
  #steps = 0;

  constructor(spec: MarketSpec) {
    this.#spec = spec;
    const random = seededRandom(seedOf(spec.seed, spec.symbol));
    this.#random = random;
    this.#walk = new PriceWalk(spec, random);
    this.#quote = this.#quoteAt(spec.startPrice, spec.hasTrades ? spec.startPrice : null);
    this.#bids = new BookLadder(spec, random, { ...this.#quote.bid, away: -1 });
    this.#asks = new BookLadder(spec, random, { ...this.#quote.ask, away: 1 });
  }

  /** How many steps were made. */
  get steps(): number {
    return this.#steps;
  }

  get quote(): MarketQuote {
    return this.#quote;
  }

  /** The whole book, best first. */
  get bids(): readonly LadderLevel[] {
    return this.#bids.levels;
  }

  get asks(): readonly LadderLevel[] {
    return this.#asks.levels;
  }

  step(): MarketStep {
    this.#steps += 1;
    const quote = this.#quoteAt(this.#walk.next(), this.#quote.last);
    const bids = this.#bids.move(quote.bid);
    const asks = this.#asks.move(quote.ask);
    const trades = this.#spec.hasTrades ? this.#trades(quote) : [];
    this.#quote = { ...quote, last: trades.at(-1)?.price ?? quote.last };
    return { quote, trades, bids, asks };
  }

  #quoteAt(bid: number, last: number | null): MarketQuote {
    const spread = small(this.#random, 4);
    return {
      bid: { price: bid, size: this.#size() },
      ask: { price: bid + spread, size: this.#size() },
      last,
    };
  }

  #trades({ bid, ask }: MarketQuote): readonly MarketTrade[] {
    return Array.from({ length: whole(this.#random, 1, 2) }, () => {
      const side: Side = this.#random() < 0.5 ? 'buy' : 'sell';
      const hit = side === 'buy' ? ask : bid;
      const id = this.#nextTradeId;
      this.#nextTradeId += 1;
      return { id, price: hit.price, size: small(this.#random, hit.size), side };
    });
  }

  #size(): number {
    return small(this.#random, this.#spec.mostQuanta) * this.#spec.quantum;
  }
}

/** The `count` trades before the first step, oldest first: prices that lead up to the start. */
export function earlierTrades(spec: MarketSpec, count: number): readonly MarketTrade[] {
  const random = seededRandom(seedOf(spec.seed, spec.symbol, 'earlier trades'));
  let price = spec.startPrice;
  return Array.from({ length: count }, (_, back): MarketTrade => {
    const trade: MarketTrade = {
      id: FIRST_TRADE_ID - 1 - back,
      price,
      size: small(random, spec.mostQuanta) * spec.quantum,
      side: random() < 0.5 ? 'buy' : 'sell',
    };
    price += whole(random, -spec.stride, spec.stride);
    return trade;
  }).toReversed();
}

/** One level; as a change, a size of 0 removes it. */
export interface LadderLevel {
  readonly price: number;
  readonly size: number;
}

const FEWEST = 50;
const USUAL = 60;
const MOST = 70;

/** One side of a made-up book: between 50 and 70 levels, best first. The best one is given. */
class BookLadder {
  readonly #spec: MarketSpec;
  readonly #random: Random;
  /** The direction of worse prices: -1 for bids, 1 for asks. */
  readonly #away: 1 | -1;
  readonly #levels: LadderLevel[];
  #changes = new Map<number, number>();

  constructor(spec: MarketSpec, random: Random, start: LadderLevel & { readonly away: 1 | -1 }) {
    this.#spec = spec;
    this.#random = random;
    this.#away = start.away;
    this.#levels = [{ price: start.price, size: start.size }];
    this.#deepen();
    this.#changes.clear();
  }

  get levels(): readonly LadderLevel[] {
    return this.#levels;
  }

  /** Makes `best` the best level, changes some of the others, and returns the changes, best first. */
  move(best: LadderLevel): readonly LadderLevel[] {
    this.#changes = new Map();
    while (this.#levels[0] !== undefined && this.#distance(this.#levels[0].price, best.price) < 0) this.#remove(0);
    this.#put(best);
    for (let count = whole(this.#random, 1, 3); count > 0; count -= 1) this.#stir(best.price);
    if (this.#levels.length < FEWEST) this.#deepen();
    if (this.#levels.length > MOST) this.#shorten();
    return [...this.#changes]
      .map(([price, size]) => ({ price, size }))
      .toSorted((a, b) => this.#distance(a.price, b.price));
  }

  /** A level near the best comes or changes; one farther off changes. */
  #stir(best: number): void {
    this.#put({ price: best + this.#away * whole(this.#random, 1, 4 * this.#spec.stride), size: this.#size() });
    const other = this.#levels[whole(this.#random, 1, this.#levels.length - 1)];
    if (other !== undefined) this.#put({ price: other.price, size: this.#size() });
  }

  #deepen(): void {
    for (
      let last = this.#levels.at(-1);
      last !== undefined && this.#levels.length < USUAL;
      last = this.#levels.at(-1)
    ) {
      const price = last.price + this.#away * whole(this.#random, 1, 2 * this.#spec.stride);
      this.#put({ price, size: this.#size() });
    }
  }

  #shorten(): void {
    while (this.#levels.length > USUAL) this.#remove(this.#levels.length - 1);
  }

  #put(level: LadderLevel): void {
    const found = this.#levels.findIndex(({ price }) => this.#distance(price, level.price) >= 0);
    const index = found === -1 ? this.#levels.length : found;
    this.#levels.splice(index, this.#levels[index]?.price === level.price ? 1 : 0, level);
    this.#changes.set(level.price, level.size);
  }

  #remove(index: number): void {
    for (const { price } of this.#levels.splice(index, 1)) this.#changes.set(price, 0);
  }

  #size(): number {
    return small(this.#random, this.#spec.mostQuanta) * this.#spec.quantum;
  }

  /** Negative if `price` is better than `other`. */
  #distance(price: number, other: number): number {
    return (price - other) * this.#away;
  }
}

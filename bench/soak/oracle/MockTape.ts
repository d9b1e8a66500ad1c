import { earlierTrades, FIRST_TRADE_ID, MockMarket } from '../../../src/brokers/mock/MockMarket.ts';
import type { LadderLevel, MarketTrade } from '../../../src/brokers/mock/MockMarket.ts';
import { marketSpec } from '../../../src/brokers/mock/marketSpec.ts';
import type { MarketSpec } from '../../../src/brokers/mock/marketSpec.ts';
import { decimal, fromUnits } from '../../../src/market/decimal.ts';
import { topText } from '../world/venueMessages.ts';
import { StateLine } from './StateLine.ts';
import type { TapedTrade } from './Tape.ts';

export interface MockSettings {
  readonly symbol: string;
  readonly price: string;
  readonly seed: number;
  readonly ticksPerSecond: number;
}

/** No state is looked for further ahead than this. */
const AHEAD = 600;
const EARLIER = 1_000;

/**
 * The events of the mock venue: the n-th step of a symbol's market is the same in every life of the gateway, so it can be
 * made here too. Only the times are not known.
 */
export class MockTape {
  readonly books = new StateLine();
  readonly ticks = new StateLine();
  readonly #spec: MarketSpec;
  readonly #market: MockMarket;
  readonly #trades = new Map<number, Omit<TapedTrade, 'timeMs'>>();
  #newestId = FIRST_TRADE_ID - 1;

  constructor({ symbol, price, seed, ticksPerSecond }: MockSettings) {
    const spec = marketSpec({
      kind: 'mock-binance',
      symbol,
      price: decimal(price),
      seed,
      stepsPerSecond: ticksPerSecond,
    });
    this.#spec = spec;
    this.#market = new MockMarket(spec);
    for (const trade of earlierTrades(spec, EARLIER)) this.#add(trade);
    this.#note();
  }

  /** Null for an id that the market will not come to in any run. */
  trade(id: number): Omit<TapedTrade, 'timeMs'> | null {
    if (id > this.#newestId + 1_000_000) return null;
    while (this.#newestId < id) this.#step();
    return this.#trades.get(id) ?? null;
  }

  /** See StateLine. The market moves on until it comes to that state, but not for ever. */
  find(of: 'books' | 'ticks', text: string, from: number): number | null {
    const line = this[of];
    for (let steps = 0; steps < AHEAD; steps += 1) {
      const found = line.find(text, from);
      if (found !== null) return found;
      this.#step();
    }
    return null;
  }

  #step(): void {
    for (const trade of this.#market.step().trades) this.#add(trade);
    this.#note();
  }

  #add({ id, price, size, side }: MarketTrade): void {
    const { priceDecimals, sizeDecimals } = this.#spec;
    const digits = { price: fromUnits(price, priceDecimals), size: fromUnits(size, sizeDecimals) };
    this.#trades.set(id, { id, ...digits, side });
    this.#newestId = Math.max(this.#newestId, id);
  }

  #note(): void {
    const { bids, asks, quote, steps } = this.#market;
    this.books.push(steps, this.#text(bids, asks));
    this.ticks.push(steps, this.#text([quote.bid], [quote.ask]));
  }

  #text(bids: readonly LadderLevel[], asks: readonly LadderLevel[]): string {
    const { priceDecimals, sizeDecimals } = this.#spec;
    const side = (levels: readonly LadderLevel[]): (readonly [string, string])[] =>
      levels
        .slice(0, 10)
        .map(({ price, size }) => [fromUnits(price, priceDecimals), fromUnits(size, sizeDecimals)] as const);
    return topText(side(bids), side(asks));
  }
}

import { nextOpen, openOf, previousOpen } from './intervals.ts';
import type { Interval } from './intervals.ts';
import type { Bar, BarQuery, TradeRecord } from './SymbolSource.ts';
import type { Now } from '../timing.ts';
import type { TradeTape } from './TradeTape.ts';
import { product, toText, toUnits } from './units.ts';
import type { Units } from './units.ts';

export interface BarMakerOptions {
  readonly tape: TradeTape;
  readonly now: Now;
  /** The price when the market opened, which is when this object is made. */
  readonly price: string;
  readonly tickSize: Units;
}

/** Values that a test puts into a bar instead of those that the trades give. */
export type BarFields = Partial<Omit<Bar, 'endMs'>>;

const HOUR_MS = 3_600_000;

/**
 * Makes bars of every interval: from the trades since the market opened, before that from a smooth invented history
 * that ends at the opening price, and from a test's own values instead of either.
 */
export class BarMaker {
  readonly #options: BarMakerOptions;
  readonly #openedMs: number;
  readonly #written = new Map<string, BarFields>();

  constructor(options: BarMakerOptions) {
    this.#options = options;
    this.#openedMs = options.now();
  }

  /** From now on the bar has these values, here and in REST. */
  write(interval: Interval, fields: BarFields): Bar {
    const open = fields.t ?? openOf(interval, this.#options.now());
    const key = `${interval} ${open}`;
    this.#written.set(key, { ...this.#written.get(key), ...fields });
    return this.bar(interval, open);
  }

  bar(interval: Interval, openMs: number): Bar {
    const endMs = nextOpen(interval, openMs);
    const trades = this.#options.tape.all.filter(({ timeMs }) => timeMs >= openMs && timeMs < endMs);
    return this.#make(interval, openMs, trades);
  }

  /** Null if there was no trade in the bar. */
  lastTradeId(interval: Interval, openMs: number): number | null {
    const endMs = nextOpen(interval, openMs);
    const trade = this.#options.tape.all.findLast(({ timeMs }) => timeMs < endMs);
    return trade === undefined || trade.timeMs < openMs ? null : trade.id;
  }

  /** Returns closed bars and finally the running one, as REST does, including bars without trades. */
  bars({ interval, startMs, endMs, limit }: BarQuery): readonly Bar[] {
    const last = openOf(interval, Math.min(endMs ?? Number.POSITIVE_INFINITY, this.#options.now()));
    const opens: number[] = [];
    if (startMs === null) {
      for (let open = last; opens.length < limit; open = previousOpen(interval, open)) opens.unshift(open);
    } else {
      const first = openOf(interval, startMs);
      const begin = first < startMs ? nextOpen(interval, first) : first;
      for (let open = begin; open <= last && opens.length < limit; open = nextOpen(interval, open)) opens.push(open);
    }
    const grouped = Map.groupBy(this.#options.tape.all, ({ timeMs }) => openOf(interval, timeMs));
    return opens.map((open) => this.#make(interval, open, grouped.get(open) ?? []));
  }

  #make(interval: Interval, openMs: number, trades: readonly TradeRecord[]): Bar {
    const endMs = nextOpen(interval, openMs);
    const made =
      trades.length > 0
        ? fromTrades(trades)
        : endMs <= this.#openedMs
          ? this.#invented(openMs, endMs)
          : this.#flat(openMs);
    return { ...made, t: openMs, endMs, ...this.#written.get(`${interval} ${openMs}`) };
  }

  #flat(openMs: number): BarContent {
    const price = this.#options.tape.all.findLast(({ timeMs }) => timeMs < openMs)?.price ?? this.#options.price;
    const zero = toText(0n);
    return { f: -1, L: -1, o: price, c: price, h: price, l: price, v: zero, n: 0, q: zero, V: zero, Q: zero };
  }

  #invented(openMs: number, endMs: number): BarContent {
    const { tickSize } = this.#options;
    const [open, close] = [this.#priceAt(openMs), this.#priceAt(endMs)];
    const high = (open > close ? open : close) + tickSize;
    const low = open < close ? open : close;
    const count = 1 + (Math.floor(openMs / 1000) % 97);
    const volume = toUnits(count) / 100n;
    return {
      f: Math.floor(openMs / 1000),
      L: Math.floor(openMs / 1000) + count - 1,
      o: toText(open),
      c: toText(close),
      h: toText(high),
      l: toText(low),
      v: toText(volume),
      n: count,
      q: toText(product(volume, close)),
      V: toText(volume / 2n),
      Q: toText(product(volume / 2n, close)),
    };
  }

  /** A slow wave of one percent that passes through the opening price at the opening. */
  #priceAt(timeMs: number): Units {
    const { price, tickSize } = this.#options;
    const factor = 1 + 0.01 * Math.sin((this.#openedMs - timeMs) / HOUR_MS);
    const scaled = (toUnits(price) * BigInt(Math.round(factor * 1_000_000))) / 1_000_000n;
    return (scaled / tickSize) * tickSize;
  }
}

type BarContent = Omit<Bar, 't' | 'endMs'>;

function fromTrades(trades: readonly TradeRecord[]): BarContent {
  const prices = trades.map(({ price }) => toUnits(price));
  const bought = trades.filter(({ buyerIsMaker }) => !buyerIsMaker);
  return {
    f: trades[0]?.id ?? -1,
    L: trades.at(-1)?.id ?? -1,
    o: toText(prices[0] ?? 0n),
    c: toText(prices.at(-1) ?? 0n),
    h: toText(prices.reduce((high, price) => (price > high ? price : high))),
    l: toText(prices.reduce((low, price) => (price < low ? price : low))),
    v: sum(trades, ({ quantity }) => quantity),
    n: trades.length,
    q: sum(trades, ({ quoteQuantity }) => quoteQuantity),
    V: sum(bought, ({ quantity }) => quantity),
    Q: sum(bought, ({ quoteQuantity }) => quoteQuantity),
  };
}

function sum(trades: readonly TradeRecord[], pick: (trade: TradeRecord) => string): string {
  return toText(trades.reduce((total, trade) => total + toUnits(pick(trade)), 0n));
}

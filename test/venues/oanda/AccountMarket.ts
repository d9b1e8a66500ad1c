import { CandleMaker } from './CandleMaker.ts';
import type { Granularity } from './granularity.ts';
import type { Listing } from './instruments.ts';
import type { ClientPrice, Level, PriceDraft } from './prices.ts';
import { toPrice, toTicks } from './ticks.ts';
import type { Ticks } from './ticks.ts';
import { msOf, nanosOf, parseTime } from './time.ts';
import type { Nanos, VenueTime } from './time.ts';

export interface AccountMarketOptions {
  readonly listing: Listing;
  /** The distance of this account's prices from the market's, in pips. */
  readonly shift: number;
  readonly time: VenueTime;
  readonly isQuiet: (granularity: Granularity, startMs: number) => boolean;
}

/** The spread of a closed market is this many times wider. */
const WIDE = 10;
const SECOND = nanosOf(1000);

/** The market of one instrument as one account sees it: its last price, the one before, its candles. */
export class AccountMarket {
  readonly candles: CandleMaker;
  readonly #options: AccountMarketOptions;
  readonly #precision: number;
  readonly #shift: Ticks;
  #last: ClientPrice | null = null;
  #previous: ClientPrice | null = null;

  constructor(options: AccountMarketOptions) {
    this.#options = options;
    const { info, price, spread } = options.listing;
    this.#precision = info.displayPrecision;
    this.#shift = Math.round(options.shift * 10 ** (info.pipLocation + this.#precision));
    const mid = toTicks(price, this.#precision);
    this.candles = new CandleMaker({
      nowMs: () => options.time.nowMs(),
      precision: this.#precision,
      mid: mid + this.#shift,
      spread,
      isQuiet: options.isQuiet,
    });
    this.accept(this.quote(mid, true));
  }

  /** Null if the market was emptied and has had no price since. */
  get last(): ClientPrice | null {
    return this.#last;
  }

  /** A price that is older than the last one: the previous price if there was one. */
  get older(): ClientPrice | null {
    if (this.#previous !== null || this.#last === null) return this.#previous;
    return { ...this.#last, time: this.#last.time - SECOND, timeText: null };
  }

  /** Makes a price for this account from the market's mid price. */
  quote(mid: Ticks, tradeable: boolean, time: Nanos = this.#options.time.stamp()): ClientPrice {
    const { info, ladder, spread } = this.#options.listing;
    const width = tradeable ? spread : spread * WIDE;
    const bid = mid + this.#shift - Math.ceil(width / 2);
    const level = (best: Ticks, step: Ticks): Level[] => {
      return ladder.map((liquidity, index) => ({ price: this.#text(best + index * step), liquidity }));
    };
    const depth = ladder.length + 1;
    return {
      instrument: info.name,
      time,
      timeText: null,
      bids: level(bid, -1),
      asks: level(bid + width, 1),
      closeoutBid: this.#text(bid - depth),
      closeoutAsk: this.#text(bid + width + depth),
      tradeable,
    };
  }

  /** Returns the price that a draft describes, which is neither sent nor kept. */
  drafted(draft: PriceDraft): ClientPrice {
    const { info, ladder, price } = this.#options.listing;
    const base = this.#last ?? this.quote(toTicks(price, this.#precision), true);
    const size = ladder[0] ?? 0;
    const one = (best: string | undefined): Level[] | undefined => {
      return best === undefined ? undefined : [{ price: best, liquidity: size }];
    };
    const bids = draft.bids ?? one(draft.bid) ?? base.bids;
    const asks = draft.asks ?? one(draft.ask) ?? base.asks;
    const text = typeof draft.time === 'string' ? draft.time : null;
    const given = typeof draft.time === 'bigint' ? draft.time : text === null ? null : parseTime(text);
    return {
      instrument: info.name,
      time: given ?? this.#options.time.stamp(),
      timeText: text,
      bids,
      asks,
      closeoutBid: draft.closeoutBid ?? bids.at(-1)?.price ?? base.closeoutBid,
      closeoutAsk: draft.closeoutAsk ?? asks.at(-1)?.price ?? base.closeoutAsk,
      tradeable: draft.tradeable ?? base.tradeable,
    };
  }

  /** Makes this the last price and adds it to the candles; a price that is older than the last one changes nothing. */
  accept(price: ClientPrice): void {
    if (this.#last !== null && price.time <= this.#last.time) return;
    this.#previous = this.#last;
    this.#last = price;
    const ticks = (levels: readonly Level[]): Ticks[] => levels.map((level) => toTicks(level.price, this.#precision));
    const [bid, ask] = [Math.max(...ticks(price.bids)), Math.min(...ticks(price.asks))];
    if (Number.isFinite(bid) && Number.isFinite(ask)) this.candles.record(msOf(price.time), bid, ask);
  }

  /** Forgets the prices, as if the venue had none until the next one. Candles stay. */
  empty(): void {
    this.#last = null;
    this.#previous = null;
  }

  #text(ticks: Ticks): string {
    return toPrice(ticks, this.#precision);
  }
}

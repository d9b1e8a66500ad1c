import { nowMs } from '../world/venueMessages.ts';
import type { VenueReport } from '../world/venueMessages.ts';
import { MockTape } from './MockTape.ts';
import type { MockSettings } from './MockTape.ts';
import { Tape } from './Tape.ts';
import type { TapedTrade } from './Tape.ts';

interface OandaPrice {
  readonly atMs: number;
  readonly tick: string;
  readonly book: string;
}

/** So long everything is remembered. The longest a client may be away is far less. */
const KEPT_MS = 600_000;

/** Knows what each venue has made, and so what clients may be told. */
export class Oracle {
  readonly #binance = new Map<string, Tape>();
  readonly #mock = new Map<string, MockTape>();
  /** By account and symbol, then by time. */
  readonly #oanda = new Map<string, Map<string, OandaPrice>>();
  /** Each candle as the first client saw it. */
  readonly #candles = new Map<string, string>();
  #watermarkMs = 0;
  #prunedMs = nowMs();

  constructor(mock: readonly MockSettings[]) {
    for (const settings of mock) this.#mock.set(settings.symbol, new MockTape(settings));
  }

  /** Events before this moment can be judged: everything that the venues made until then is known. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  take({ atMs, trades, books, ticks, prices }: VenueReport): void {
    for (const { symbol, ...trade } of trades) this.tape(symbol).addTrade(trade);
    for (const { symbol, text, atMs: bookMs } of books) this.tape(symbol).books.push(bookMs, text);
    for (const { symbol, text, atMs: tickMs } of ticks) this.tape(symbol).ticks.push(tickMs, text);
    for (const { account, symbol, time, ...price } of prices) this.#prices(account, symbol).set(time, price);
    this.#watermarkMs = atMs;
    if (atMs - this.#prunedMs > KEPT_MS / 10) this.#prune(atMs - KEPT_MS);
  }

  /** The trades and candles of Binance. */
  tape(symbol: string): Tape {
    const known = this.#binance.get(symbol) ?? new Tape();
    this.#binance.set(symbol, known);
    return known;
  }

  mock(symbol: string): MockTape | null {
    return this.#mock.get(symbol) ?? null;
  }

  /** Null if the venue never made that trade; its time is null if it is not known. */
  trade(broker: string, symbol: string, id: number): (Omit<TapedTrade, 'timeMs'> & { timeMs: number | null }) | null {
    if (broker === 'binance') return this.tape(symbol).trade(id);
    const trade = this.mock(symbol)?.trade(id) ?? null;
    return trade === null ? null : { ...trade, timeMs: null };
  }

  /** The quote of an account of OANDA at that time. */
  price(account: string, symbol: string, time: string): OandaPrice | null {
    return this.#prices(account, symbol).get(time) ?? null;
  }

  /** True if another account was quoted that tick at any time, and this one never was. */
  isForeign(account: string, symbol: string, tick: string): boolean {
    const has = (key: string): boolean =>
      [...(this.#oanda.get(key)?.values() ?? [])].some((price) => price.tick === tick);
    const own = `${account} ${symbol}`;
    return !has(own) && [...this.#oanda.keys()].some((key) => key !== own && key.endsWith(` ${symbol}`) && has(key));
  }

  /** When the first quote after this time was made; null if there is none. */
  nextPriceMs(account: string, symbol: string, time: string): number | null {
    for (const [each, { atMs }] of this.#prices(account, symbol)) if (each > time) return atMs;
    return null;
  }

  /** Returns what somebody else was told about the same candle, if that differs. */
  disagreement(candle: string, values: string): string | null {
    const known = this.#candles.get(candle);
    if (known === undefined) this.#candles.set(candle, values);
    return known === undefined || known === values ? null : known;
  }

  #prices(account: string, symbol: string): Map<string, OandaPrice> {
    const key = `${account} ${symbol}`;
    const known = this.#oanda.get(key) ?? new Map<string, OandaPrice>();
    this.#oanda.set(key, known);
    return known;
  }

  #prune(beforeMs: number): void {
    this.#prunedMs = nowMs();
    for (const tape of this.#binance.values()) tape.prune(beforeMs);
    for (const prices of this.#oanda.values()) {
      for (const [time, { atMs }] of prices) {
        // The newest stays, however old it is: a closed market has no other.
        if (atMs >= beforeMs || prices.size === 1) break;
        prices.delete(time);
      }
    }
    const candles = [...this.#candles.keys()];
    for (const key of candles.slice(0, Math.max(0, candles.length - 20_000))) this.#candles.delete(key);
  }
}

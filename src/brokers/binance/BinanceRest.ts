import type { z } from 'zod';
import { InstrumentCatalog } from '../../market/instrument.ts';
import type { Instrument } from '../../market/instrument.ts';
import type { CandleDraft, TickDraft } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import type { AskOptions, RequestQueue } from '../../transport/RequestQueue.ts';
import { ReplyReader, RestClient } from '../../transport/RestClient.ts';
import type { RestReply } from '../../transport/RestClient.ts';
import type { CandleQuery } from '../BaseBroker.ts';
import { banMs } from './banText.ts';
import { fetchBars } from './klinePages.ts';
import {
  fromAggregateTrade,
  fromRecentTrade,
  toBar,
  toCandles,
  toDepthSnapshot,
  toBinanceInstrument,
  fromBookTicker,
  AggregateTrades,
  BookTicker,
  Depth,
  ExchangeInfo,
  ListedName,
  klineRowsOf,
  RecentTrades,
  BinanceErrorBody,
  ServerTime,
  SymbolInfo,
  WeightLimit,
} from './restReplies.ts';
import type { DepthSnapshot, HistoricTrade } from './restReplies.ts';
import {
  PAGE_ROWS,
  aggTradesRequest,
  bookTickerRequest,
  depthRequest,
  exchangeInfoRequest,
  klinesRequest,
  timeRequest,
  tradesRequest,
} from './restRequests.ts';
import type { AggTradesWindow, BinanceRequest } from './restRequests.ts';

export interface BinanceRestOptions {
  readonly brokerId: string;
  readonly restUrl: string;
  /** The queue of the host, from BinanceHosts. */
  readonly queue: RequestQueue;
  /** The kind of trades that is used: each execution, or the fills of one order at one price together. */
  readonly trades: 'individual' | 'aggregate';
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Trades that were made after a certain one. */
export interface MissedTrades {
  /** Oldest first. */
  readonly trades: readonly HistoricTrade[];
  /** False if some trades that were made since are missing: the venue no longer gives them, or there are too many. */
  readonly complete: boolean;
}

interface SymbolAskOptions extends AskOptions {
  /** The symbol that is asked about; named in the error if the venue refuses it. */
  readonly symbol?: string;
}

/** Defaults for the live feed, and for clients' queries. */
const PATIENT: AskOptions = { patience: 'wait' };
const HURRIED: AskOptions = { patience: 'fail' };
/** The venue's clock is asked again after this time, for ours may run at another speed. */
const TIME_HOLDS_MS = 600_000;
/** The codes that the venue answers to an unknown, malformed or empty symbol; other parameters have some of them, too. */
const SYMBOL_CODES: ReadonlySet<number> = new Set([-1121, -1100, -1102, -1105]);
/** Bound of the symbols that are logged as left out. */
const MAX_DROPPED = 1_000;
const INVALID_INTERVAL = -1120;
const PARAMETER_CODES: ReadonlySet<number> = new Set([-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1130]);
/** Our arguments, by the venue's names of them. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  startTime: 'from',
  endTime: 'to',
  limit: 'limit',
  interval: 'interval',
};

/**
 * The REST API of Binance. All requests go through the queue of the host. `AskOptions` say for whom a request is made,
 * and what becomes of it while the venue wants none (a ban): `wait` is for the live feed, and goes first; `fail` is for
 * clients' queries. Every method rejects with a GatewayError, or with the reason of its signal. Its creator owns it
 * until `close()`.
 */
export class BinanceRest implements AsyncDisposable {
  readonly #options: BinanceRestOptions;
  readonly #client: RestClient;
  readonly #replies: ReplyReader;
  #narrowListing = true;
  /** Symbols whose entries could not be read, each logged once. */
  readonly #dropped = new Set<string>();
  #venueTime: { readonly ms: number; readonly at: number } | null = null;

  constructor(options: BinanceRestOptions) {
    const { brokerId, restUrl, queue, clock, random, logger, metrics } = options;
    this.#options = options;
    this.#replies = new ReplyReader({ name: brokerId, metrics });
    this.#client = new RestClient({
      name: brokerId,
      baseUrl: restUrl,
      queue,
      usedWeightHeader: 'x-mbx-used-weight-1m',
      askedPauseMs: (body) => banMs(body, this.#venueNowMs ?? clock.now()),
      clock,
      random,
      logger,
      metrics,
    });
  }

  /** Until when the venue wants no request (429, 418), on the monotonic clock; null if it wants them. */
  get pausedUntilMs(): number | null {
    return this.#options.queue.pausedUntilMs;
  }

  /** The instruments, those with trading halted too. Also adopts the request limit that the venue states. */
  async fetchCatalog(symbolOptions: AskOptions = PATIENT): Promise<InstrumentCatalog> {
    let reply = await this.#send(exchangeInfoRequest(this.#narrowListing), symbolOptions);
    if (reply.status === 400 && this.#narrowListing) {
      this.#options.logger.info({ code: refusalCode(reply.body) }, 'venue lists permissions, too');
      this.#narrowListing = false;
      reply = await this.#send(exchangeInfoRequest(false), symbolOptions);
    }
    const { rateLimits, symbols } = this.#replies.read(ExchangeInfo, this.#accepted(reply));
    this.#adoptLimit(rateLimits);
    const instruments = symbols.map((entry) => this.#instrument(entry)).filter((instrument) => instrument !== null);
    // An empty listing is a fault of the venue's, not the end of every market.
    if (instruments.length === 0) throw this.#replies.nonsense();
    return new InstrumentCatalog(instruments);
  }

  /** The best `limit` levels a side, 5000 at most; fewer are the whole side. */
  async fetchDepth(symbol: string, limit: number, options: AskOptions = PATIENT): Promise<DepthSnapshot> {
    return toDepthSnapshot(await this.#ask(depthRequest(symbol, limit), Depth, { ...options, symbol }));
  }

  /** The last update of the present book. */
  async fetchBookId(symbol: string, options: AskOptions = HURRIED): Promise<number> {
    return (await this.fetchDepth(symbol, 1, options)).lastUpdateId;
  }

  /** Closed candles, oldest first, and last the one still open. With a start the oldest from there, else the newest. */
  async fetchCandles(query: CandleQuery, options: AskOptions = HURRIED): Promise<readonly CandleDraft[]> {
    const symbolOptions: SymbolAskOptions = { ...options, symbol: query.symbol };
    const venueMs = await this.fetchTime(options);
    const bars = await fetchBars(query, async (window) =>
      (await this.#ask(klinesRequest(window), klineRowsOf(window.interval), symbolOptions)).map(toBar),
    );
    return toCandles(bars, query.interval, { receivedMs: this.#options.clock.now(), venueMs });
  }

  /** The newest trades, oldest first; 1000 at most. */
  fetchTrades(symbol: string, limit: number, symbolOptions: AskOptions = HURRIED): Promise<readonly HistoricTrade[]> {
    return this.#options.trades === 'individual'
      ? this.#askTrades(symbol, limit, symbolOptions)
      : this.#askAggregates({ symbol, limit, fromId: null }, symbolOptions);
  }

  /** The oldest `maxCount` trades after the one with this id, oldest first. */
  async fetchTradesSince(
    symbol: string,
    { afterVenueId, maxCount }: { readonly afterVenueId: number; readonly maxCount: number },
    symbolOptions: AskOptions = PATIENT,
  ): Promise<MissedTrades> {
    const missed =
      this.#options.trades === 'individual'
        ? await this.#tradesSince(symbol, afterVenueId, symbolOptions)
        : await this.#aggregatesSince({ symbol, afterVenueId, maxCount }, symbolOptions);
    const trades = missed.slice(0, maxCount);
    const oldest = missed[0]?.venueId ?? afterVenueId + 1;
    return { trades, complete: oldest === afterVenueId + 1 && trades.length === missed.length };
  }

  /** The best bid and ask; null if a side has no orders. */
  async fetchTick(symbol: string, options: AskOptions = HURRIED): Promise<TickDraft | null> {
    const ticker = await this.#ask(bookTickerRequest(symbol), BookTicker, { ...options, symbol });
    return fromBookTicker(ticker, this.#options.clock.now());
  }

  /** The venue's time of the newest trade; null if there is none. It weighs less than trades do. */
  async fetchLastTradeMs(symbol: string, options: AskOptions = HURRIED): Promise<number | null> {
    const window = { symbol, limit: 1, fromId: null };
    const [newest] = await this.#ask(aggTradesRequest(window), AggregateTrades, { ...options, symbol });
    return newest?.T ?? null;
  }

  /** The venue's time now, late by the time that an answer takes to come; never early. */
  async fetchTime(options: AskOptions = HURRIED): Promise<number> {
    const { clock } = this.#options;
    if (this.#venueTime === null || clock.monotonic() - this.#venueTime.at > TIME_HOLDS_MS) {
      const { serverTime } = await this.#ask(timeRequest(), ServerTime, options);
      this.#venueTime = { ms: serverTime, at: clock.monotonic() };
    }
    return this.#venueTime.ms + clock.monotonic() - this.#venueTime.at;
  }

  /** Null before it has been asked for. */
  get #venueNowMs(): number | null {
    if (this.#venueTime === null) return null;
    return this.#venueTime.ms + this.#options.clock.monotonic() - this.#venueTime.at;
  }

  /** Aborts every request; resolves when no connection and no timer is left. May be called again. */
  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The host for market data alone gives no older trades than the newest thousand. */
  async #tradesSince(
    symbol: string,
    afterVenueId: number,
    symbolOptions: SymbolAskOptions,
  ): Promise<readonly HistoricTrade[]> {
    const recent = await this.#askTrades(symbol, PAGE_ROWS, symbolOptions);
    return recent.filter(({ venueId }) => venueId > afterVenueId);
  }

  /** All trades since then, or more than `maxCount`. */
  async #aggregatesSince(
    { symbol, afterVenueId, maxCount }: { symbol: string; afterVenueId: number; maxCount: number },
    symbolOptions: SymbolAskOptions,
  ): Promise<readonly HistoricTrade[]> {
    const missed: HistoricTrade[] = [];
    for (;;) {
      const last = missed.at(-1)?.venueId ?? afterVenueId;
      const page = await this.#askAggregates({ symbol, limit: PAGE_ROWS, fromId: last + 1 }, symbolOptions);
      const fresh = page.filter(({ venueId }) => venueId > last);
      missed.push(...fresh);
      // A short page reaches to now.
      if (fresh.length < PAGE_ROWS || missed.length > maxCount) return missed;
    }
  }

  async #askTrades(symbol: string, limit: number, symbolOptions: SymbolAskOptions): Promise<readonly HistoricTrade[]> {
    const rows = await this.#ask(tradesRequest(symbol, limit), RecentTrades, { ...symbolOptions, symbol });
    const receivedMs = this.#options.clock.now();
    return rows.map((row) => fromRecentTrade(row, receivedMs));
  }

  async #askAggregates(window: AggTradesWindow, symbolOptions: SymbolAskOptions): Promise<readonly HistoricTrade[]> {
    const rows = await this.#ask(aggTradesRequest(window), AggregateTrades, {
      ...symbolOptions,
      symbol: window.symbol,
    });
    const receivedMs = this.#options.clock.now();
    return rows.map((row) => fromAggregateTrade(row, receivedMs));
  }

  async #ask<Schema extends z.ZodType>(
    request: BinanceRequest,
    schema: Schema,
    symbolOptions: SymbolAskOptions,
  ): Promise<z.infer<Schema>> {
    return this.#replies.read(schema, this.#accepted(await this.#send(request, symbolOptions), symbolOptions.symbol));
  }

  #send({ path, weight }: BinanceRequest, { symbol: _symbol, ...options }: SymbolAskOptions): Promise<RestReply> {
    return this.#client.get({ path, weight, ...options });
  }

  /** The body of a reply. Throws if it is a refusal. */
  #accepted({ status, body }: RestReply, symbol?: string): unknown {
    if (status < 300) return body;
    const { brokerId } = this.#options;
    const { code = null, msg = '' } = BinanceErrorBody.safeParse(body).data ?? {};
    const refused = code === null ? null : refusedParameter(code, msg);
    if (refused === 'symbol' && symbol !== undefined) {
      throw new GatewayError('UNKNOWN_SYMBOL', `Broker ${brokerId} does not list ${symbol}.`, { symbols: [symbol] });
    }
    const argument = refused === null ? undefined : ARGUMENTS[refused];
    if (argument !== undefined) {
      throw new GatewayError('BAD_REQUEST', `${argument}: the venue of broker ${brokerId} does not take this value.`);
    }
    const what = code === null ? `HTTP ${status}` : `HTTP ${status}, code ${code}`;
    throw new GatewayError('BROKER_UNAVAILABLE', `The venue refused a request of broker ${brokerId} (${what}).`);
  }

  #instrument(entry: unknown): Instrument | null {
    const info = this.#replies.entry(SymbolInfo, entry);
    if (info === null) this.#logDropped(ListedName.safeParse(entry).data?.symbol ?? 'without a name');
    return info === null ? null : toBinanceInstrument(info);
  }

  #logDropped(symbol: string): void {
    if (this.#dropped.has(symbol) || this.#dropped.size >= MAX_DROPPED) return;
    this.#dropped.add(symbol);
    this.#options.logger.warn({ symbol }, 'listed symbol is left out, its entry can not be read');
  }

  #adoptLimit(rateLimits: readonly unknown[]): void {
    for (const entry of rateLimits) {
      const { data } = WeightLimit.safeParse(entry);
      if (data !== undefined) this.#options.queue.weightPerMinute = data.limit / data.intervalNum;
    }
  }
}

/** The venue's name of the parameter that it refuses; null if the refusal is about something else. */
function refusedParameter(code: number, text: string): string | null {
  if (code === INVALID_INTERVAL) return 'interval';
  const named = PARAMETER_CODES.has(code) ? /parameter '(?<name>\w+)'/.exec(text)?.groups?.['name'] : undefined;
  return named ?? (SYMBOL_CODES.has(code) ? 'symbol' : null);
}

function refusalCode(body: unknown): number | null {
  return BinanceErrorBody.safeParse(body).data?.code ?? null;
}

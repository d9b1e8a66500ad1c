import type { CredentialSource } from '../../market/credentials.ts';
import { InstrumentCatalog } from '../../market/instrument.ts';
import type { Instrument } from '../../market/instrument.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import type { HttpReply } from '../../transport/httpGet.ts';
import { readJson } from '../../transport/json.ts';
import { RequestQueue } from '../../transport/RequestQueue.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { ReplyReader, RestClient } from '../../transport/RestClient.ts';
import type { CandleQuery } from '../BaseBroker.ts';
import { fetchSpan } from './candlePages.ts';
import type { CandleSpan } from './candlePages.ts';
import type { OandaCredentials } from './access.ts';
import { parseExactly, parsePrice } from './streamMessages.ts';
import { requestHeaders } from './access.ts';
import type { OandaBudget } from './OandaBudgets.ts';
import type { CredentialsRefused } from './RefusedAccess.ts';
import {
  credentialsRefused,
  toRefusal,
  toCandle,
  toOandaInstrument,
  toVenueCandle,
  Account,
  Accounts,
  CandleEntry,
  Candles,
  InstrumentInfo,
  InstrumentList,
  LatestCandles,
  nameIn,
  refusedArgument,
  Pricing,
  OandaErrorBody,
} from './restReplies.ts';
import type { VenueRefusal, VenueCandle } from './restReplies.ts';
import {
  accountsPath,
  candlesPath,
  hasHistory,
  instrumentsPath,
  latestCandlesPath,
  pricingPath,
} from './restRequests.ts';
import type { CandleSpecification, CandleWindow } from './restRequests.ts';
import type { VenuePrice } from './streamMessages.ts';

export interface OandaRestOptions {
  readonly brokerId: string;
  readonly restUrl: string;
  readonly credentials: CredentialSource<OandaCredentials>;
  readonly budget: OandaBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The venue refuses the credentials: asking again at once is useless. */
  readonly onCredentialsRefused: (refused: CredentialsRefused) => void;
}

interface SymbolAskOptions extends AskOptions {
  /** The instrument that is asked about; named in the error if the venue refuses it. */
  readonly symbol?: string;
}

type Answer = { readonly body: unknown } | { readonly refusal: VenueRefusal; readonly status: number };

/** Stands for the body of an answer without one. */
const NOTHING = null;
/** Defaults for the live feed, and for clients' queries. */
const PATIENT: AskOptions = { patience: 'wait' };
const HURRIED: AskOptions = { patience: 'fail' };
/** Two requests at a time, so that a slow answer does not hold up others; not more, for connections are limited. */
const CONCURRENCY = 2;
const REQUESTS_PER_MINUTE = 7_200;
const PAUSE_MS = 1_000;
const MAX_SET_ASIDE = 100;
/** No clock is wrong by so much: a candle that opens later makes no sense. */
const MAX_AHEAD_MS = 86_400_000;
/** Bound of the candles that are fetched after an interruption; more are reported as a gap. */
export const MAX_RECENT_CANDLES = 5_000;

/**
 * The REST API of OANDA, for one account. `AskOptions` say for whom a request is made, and what becomes of it while the
 * venue wants none: `wait` is for the live feed, and goes first; `fail` is for clients' queries. Every method rejects
 * with a GatewayError, or with the reason of its signal. Its creator owns it until `close()`.
 */
export class OandaRest implements AsyncDisposable {
  readonly #options: OandaRestOptions;
  readonly #queue: RequestQueue;
  readonly #client: RestClient;
  readonly #replies: ReplyReader;
  /** Parts of answers that were left out, and logged already. */
  readonly #setAsides = new Set<string>();

  constructor(options: OandaRestOptions) {
    const { brokerId, restUrl, credentials, budget, clock, random, logger, metrics } = options;
    this.#options = options;
    this.#replies = new ReplyReader({ name: brokerId, metrics });
    this.#queue = new RequestQueue({
      clock,
      random,
      weightPerMinute: REQUESTS_PER_MINUTE,
      pace: budget.requests,
      concurrency: CONCURRENCY,
    });
    this.#client = new RestClient({
      name: brokerId,
      baseUrl: restUrl,
      queue: this.#queue,
      headers: () => credentials.use(({ token }) => requestHeaders(token)),
      connections: budget.connections,
      read: readReply,
      pauseMs: PAUSE_MS,
      clock,
      random,
      logger,
      metrics,
    });
  }

  /** Until when the venue wants no request, on the monotonic clock; null if it wants them. */
  get pausedUntilMs(): number | null {
    return this.#queue.pausedUntilMs;
  }

  /** The accounts that the token gives access to. */
  async fetchAccountIds(signal?: AbortSignal): Promise<readonly string[]> {
    const body = await this.#ask(() => accountsPath(), { ...HURRIED, signal });
    if (body === NOTHING) return [];
    const { accounts } = this.#replies.read(Accounts, body);
    return accounts.flatMap((entry) => this.#replies.entry(Account, entry)?.id ?? []);
  }

  /** The account may trade these instruments. Waits as long as the venue takes. */
  async fetchCatalog(options: Omit<AskOptions, 'patience'> = {}): Promise<InstrumentCatalog> {
    const body = await this.#ask(instrumentsPath, { ...PATIENT, ...options });
    const entries = this.#replies.read(InstrumentList, body).instruments;
    const instruments = entries.map((entry) => this.#instrument(entry)).filter((instrument) => instrument !== null);
    // An empty listing is a fault of the venue's, not the end of every market.
    if (instruments.length === 0) throw this.#replies.nonsense();
    return new InstrumentCatalog(instruments);
  }

  /** The present quotes; null if there never were any. */
  async fetchPrice(symbol: string, options: AskOptions = HURRIED): Promise<VenuePrice | null> {
    const body = await this.#ask((accountId) => pricingPath(accountId, [symbol]), { ...options, symbol });
    if (body === NOTHING) return null;
    const { prices } = this.#replies.read(Pricing, body);
    if (prices.length === 0) return null;
    // Names had a slash in some replies of 2016.
    const price = prices.map(parsePrice).find((each) => each?.instrument.replace('/', '_') === symbol);
    if (price !== undefined) return price;
    throw this.#replies.refuse();
  }

  /** False if the venue refuses to quote one of these, though it may list it. Patient. */
  async quotes(symbols: readonly string[], signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#send((accountId) => pricingPath(accountId, symbols), { ...PATIENT, signal });
    if ('body' in answer) return true;
    if (answer.refusal === 'instrument') return false;
    throw this.#refused(answer);
  }

  /** Closed candles, oldest first, and last the one still open. With a start the oldest from there, else the newest. */
  async fetchCandles(query: CandleQuery, options: AskOptions = HURRIED): Promise<readonly CandleDraft[]> {
    const { interval, fromMs, toMs } = query;
    if (!hasHistory(interval)) {
      throw new GatewayError('UNSUPPORTED_TYPE', `The venue of broker ${this.#name} has no candles of one second.`);
    }
    if (fromMs !== null && toMs !== null && fromMs > toMs) return [];
    const candles = await this.#span({ ...query, interval }, options);
    const receivedMs = this.#options.clock.now();
    return candles.map((candle) => toCandle(candle, interval, receivedMs));
  }

  /**
   * The candles from the one that opened at `fromMs`, 5000 at most; without a start the newest two. The last may be in
   * progress.
   */
  fetchRecentCandles(
    specification: CandleSpecification,
    fromMs: number | null,
    options: AskOptions = PATIENT,
  ): Promise<readonly VenueCandle[]> {
    const limit = fromMs === null ? 2 : MAX_RECENT_CANDLES;
    return this.#span({ ...specification, fromMs, toMs: null, limit }, options);
  }

  /**
   * For each specification, in its order: the newest complete candle and the one in progress, if they exist. Patient.
   */
  async fetchLatestCandles(
    specifications: readonly CandleSpecification[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly VenueCandle[])[]> {
    const path = (accountId: string): string => latestCandlesPath(accountId, specifications);
    const answer = await this.#send(path, { ...PATIENT, signal });
    if (!('body' in answer)) return this.#latestWithoutRefused(answer, specifications, signal);
    if (answer.body === NOTHING) return specifications.map(() => []);
    const { latestCandles } = this.#replies.read(LatestCandles, answer.body);
    if (latestCandles.length !== specifications.length) throw this.#replies.nonsense();
    return specifications.map((specification, index) => {
      const entry = this.#replies.entry(Candles, latestCandles[index]);
      return entry === null ? [] : (this.#candles(entry.candles, specification) ?? []);
    });
  }

  /** One instrument that the venue does not know makes it refuse all: halves are asked for until it is alone. */
  async #latestWithoutRefused(
    answer: Extract<Answer, { status: number }>,
    specifications: readonly CandleSpecification[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly VenueCandle[])[]> {
    if (answer.refusal !== 'instrument') throw this.#refused(answer);
    if (specifications.length === 1) return [[]];
    const middle = Math.ceil(specifications.length / 2);
    const first = await this.fetchLatestCandles(specifications.slice(0, middle), signal);
    return [...first, ...(await this.fetchLatestCandles(specifications.slice(middle), signal))];
  }

  /** Aborts every request; resolves when no connection and no timer is left. May be called again. */
  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #name(): string {
    return this.#options.brokerId;
  }

  #span(span: CandleSpan, options: AskOptions): Promise<readonly VenueCandle[]> {
    const symbolOptions: SymbolAskOptions = { ...options, symbol: span.symbol };
    return fetchSpan(span, this.#options.clock.now(), (window) => this.#page(window, symbolOptions));
  }

  async #page(
    window: CandleWindow,
    symbolOptions: SymbolAskOptions,
  ): Promise<readonly VenueCandle[] | 'count' | 'future'> {
    const answer = await this.#send((accountId) => candlesPath(accountId, window), symbolOptions);
    if ('body' in answer) {
      if (answer.body === NOTHING) return [];
      const candles = this.#candles(this.#replies.read(Candles, answer.body).candles, window);
      if (candles !== null) return candles;
      throw this.#replies.refuse();
    }
    if (answer.refusal === 'count' || answer.refusal === 'future') return answer.refusal;
    throw this.#refused(answer, symbolOptions.symbol);
  }

  /**
   * The candles that can be read; null if there are none, or if one is not aligned as ours are: nobody could tell the
   * two kinds apart.
   */
  #candles(entries: readonly unknown[], { symbol, interval }: CandleSpecification): readonly VenueCandle[] | null {
    const endMs = this.#options.clock.now() + MAX_AHEAD_MS;
    const candles = entries.flatMap((entry) => {
      const read = this.#replies.entry(CandleEntry, entry);
      return read === null || read.time >= endMs ? [] : toVenueCandle(read);
    });
    const isAligned = candles.every(({ openMs }) => openMs % CANDLE_INTERVALS[interval] === 0);
    if (isAligned && candles.length === entries.length) return candles;
    this.#setAside(`candles ${symbol} ${interval}`, { symbol, interval }, 'candles of the venue make no sense');
    return isAligned && candles.length > 0 ? candles : null;
  }

  /** Logs once, by name, that a part of an answer was left out; after many such lines it logs no more. */
  #setAside(what: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#setAsides.has(what) || this.#setAsides.size >= MAX_SET_ASIDE) return;
    this.#setAsides.add(what);
    this.#options.logger.warn(fields, message);
  }

  async #ask(path: (accountId: string) => string, symbolOptions: SymbolAskOptions): Promise<unknown> {
    const answer = await this.#send(path, symbolOptions);
    if ('body' in answer) return answer.body;
    throw this.#refused(answer, symbolOptions.symbol);
  }

  async #send(path: (accountId: string) => string, { symbol: _symbol, ...options }: SymbolAskOptions): Promise<Answer> {
    const request = this.#options.credentials.use(({ accountId }) => path(accountId));
    const { status, body } = await this.#client.get({ path: request, weight: 1, ...options });
    if (status < 300) return { body };
    const message = OandaErrorBody.safeParse(body).data?.errorMessage ?? null;
    const refusal = toRefusal(status, message);
    const reason = credentialsRefused(refusal);
    if (reason !== null) this.#options.onCredentialsRefused({ reason, isOwnWords: message !== null });
    return { refusal, status };
  }

  #refused({ refusal, status }: Extract<Answer, { status: number }>, symbol?: string): GatewayError {
    const reason = credentialsRefused(refusal);
    if (reason !== null) return new GatewayError('BROKER_AUTHENTICATION_FAILED', reason);
    if (refusal === 'instrument' && symbol !== undefined) {
      return new GatewayError('UNKNOWN_SYMBOL', `Broker ${this.#name} does not list ${symbol}.`, { symbols: [symbol] });
    }
    const argument = refusedArgument(refusal);
    if (argument !== null) {
      return new GatewayError('BAD_REQUEST', `${argument}: the venue of broker ${this.#name} refuses this value.`);
    }
    return new GatewayError(
      'BROKER_UNAVAILABLE',
      `The venue refused a request of broker ${this.#name} (HTTP ${status}).`,
    );
  }

  #instrument(entry: unknown): Instrument | null {
    const info = this.#replies.entry(InstrumentInfo, entry);
    if (info !== null) return toOandaInstrument(info);
    const symbol = nameIn(entry, 'name');
    this.#setAside(`instrument ${symbol}`, { symbol }, 'an instrument that the venue lists makes no sense');
    return null;
  }
}

/**
 * The body of a refusal may be empty; that of a 401 may be anything. A page with another status comes from a proxy. A
 * 204 has no body: there is nothing of what was asked for.
 */
function readReply(reply: HttpReply): unknown {
  const { status, text } = reply;
  if (status === 204) return NOTHING;
  const said = text === '' && status >= 400 ? null : readJson(reply, parseExactly);
  return said === undefined && status === 401 ? null : said;
}

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
import type { Asking } from '../../transport/RequestQueue.ts';
import { ReplyReader, RestClient } from '../../transport/RestClient.ts';
import type { CandleQuery } from '../BaseBroker.ts';
import { fetchSpan } from './candlePages.ts';
import type { CandleSpan } from './candlePages.ts';
import type { OandaCredentials } from './access.ts';
import { parseExactly, parsePrice } from './streamMessages.ts';
import { requestHeaders } from './access.ts';
import type { OandaBudget } from './OandaBudgets.ts';
import {
  credentialsRefused,
  toRefusal,
  toCandle,
  toInstrument,
  toVenueCandle,
  Accounts,
  Candles,
  InstrumentInfo,
  InstrumentList,
  LatestCandles,
  Pricing,
  RestRefusal,
} from './restReplies.ts';
import type { Refusal, VenueCandle, CandleEntry } from './restReplies.ts';
import {
  accountsPath,
  candlesPath,
  hasHistory,
  instrumentsPath,
  latestCandlesPath,
  pricingPath,
} from './restRequests.ts';
import type { CandleSpecification, CandleWindow, VenueInterval } from './restRequests.ts';
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
  /** The venue refuses the credentials, for that reason: there is no use in asking it again. */
  readonly onCredentialsRefused: (reason: string) => void;
}

interface Manner extends Asking {
  /** What is asked about: the one to blame where the venue finds fault with an instrument. */
  readonly symbol?: string;
}

type Answer = { readonly body: unknown } | { readonly refusal: Refusal; readonly status: number };

/** For the live feed, and for clients' queries, where nothing more is said. */
const PATIENT: Asking = { patience: 'wait' };
const HURRIED: Asking = { patience: 'fail' };
/** Two at a time, so that one slow answer does not hold the others; each takes a connection of the few. */
const CONCURRENCY = 2;
const REQUESTS_PER_MINUTE = 7_200;
const PAUSE_MS = 1_000;
/** Of what was missed; over that it is told as a hole. */
export const MAX_RECENT_CANDLES = 5_000;

/**
 * What OANDA tells on request, of one account. `Asking` says for whom, and what becomes of a request while the venue wants
 * none: `wait` is for the live feed, and goes first; `fail` is for clients' queries. Every method rejects with a GatewayError, or with
 * the reason of its signal. Whoever constructs it owns it until `close()`.
 */
export class OandaRest implements AsyncDisposable {
  readonly #options: OandaRestOptions;
  readonly #queue: RequestQueue;
  readonly #client: RestClient;
  readonly #replies: ReplyReader;

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

  /** Until when the venue wants no request, on the clock's monotonic scale; null when it did not say so. */
  get pausedUntilMs(): number | null {
    return this.#queue.pausedUntilMs;
  }

  /** The accounts that the token opens. */
  async fetchAccountIds(signal?: AbortSignal): Promise<readonly string[]> {
    const body = await this.#ask(() => accountsPath(), { ...HURRIED, signal });
    return this.#replies.read(Accounts, body).accounts.map(({ id }) => id);
  }

  /** What the account may trade. Patient. */
  async fetchCatalog(signal?: AbortSignal): Promise<InstrumentCatalog> {
    const body = await this.#ask(instrumentsPath, { ...PATIENT, signal });
    const entries = this.#replies.read(InstrumentList, body).instruments;
    const instruments = entries.map((entry) => this.#instrument(entry)).filter((instrument) => instrument !== null);
    // An empty listing is a fault of the venue's, not the end of every market.
    if (instruments.length === 0) throw this.#replies.nonsense();
    return new InstrumentCatalog(instruments);
  }

  /** What is quoted now; null where nothing ever was. */
  async fetchPrice(symbol: string, asking: Asking = HURRIED): Promise<VenuePrice | null> {
    const body = await this.#ask((accountId) => pricingPath(accountId, [symbol]), { ...asking, symbol });
    const { prices } = this.#replies.read(Pricing, body);
    if (prices.length === 0) return null;
    // Names had a slash in some answers of 2016.
    const price = prices.map(parsePrice).find((each) => each?.instrument.replace('/', '_') === symbol);
    if (price !== undefined) return price;
    throw this.#replies.refuse();
  }

  /** False where the venue refuses to quote one of these, though it may list it. Patient. */
  async quotes(symbols: readonly string[], signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#send((accountId) => pricingPath(accountId, symbols), { ...PATIENT, signal });
    if ('body' in answer) return true;
    if (answer.refusal === 'instrument') return false;
    throw this.#refused(answer);
  }

  /** Closed candles, oldest first, and last the one still open. With a start the oldest from there, else the newest. */
  async fetchCandles(query: CandleQuery, asking: Asking = HURRIED): Promise<readonly CandleDraft[]> {
    const { interval, fromMs, toMs } = query;
    if (!hasHistory(interval)) {
      throw new GatewayError('UNSUPPORTED_TYPE', `The venue of broker ${this.#name} has no candles of one second.`);
    }
    if (fromMs !== null && toMs !== null && fromMs > toMs) return [];
    const candles = await this.#span({ ...query, interval }, asking);
    const receivedMs = this.#options.clock.now();
    return candles.map((candle) => toCandle(candle, interval, receivedMs));
  }

  /** From the one that opened then, 5000 at most, or, without a start, the newest two; the last may still grow. */
  fetchRecentCandles(
    specification: CandleSpecification,
    fromMs: number | null,
    asking: Asking = PATIENT,
  ): Promise<readonly VenueCandle[]> {
    const limit = fromMs === null ? 2 : MAX_RECENT_CANDLES;
    return this.#span({ ...specification, fromMs, toMs: null, limit }, asking);
  }

  /** Of each the newest complete one and the one that grows, where there are such; in the order of the question. Patient. */
  async fetchLatestCandles(
    specifications: readonly CandleSpecification[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly VenueCandle[])[]> {
    const body = await this.#ask((accountId) => latestCandlesPath(accountId, specifications), {
      ...PATIENT,
      signal,
    });
    const { latestCandles } = this.#replies.read(LatestCandles, body);
    if (latestCandles.length !== specifications.length) throw this.#replies.nonsense();
    return specifications.map(({ interval }, index) => this.#aligned(latestCandles[index]?.candles ?? [], interval));
  }

  /** Aborts what is on its way; resolves when no connection and no timer is left. May be called again. */
  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #name(): string {
    return this.#options.brokerId;
  }

  #span(span: CandleSpan, asking: Asking): Promise<readonly VenueCandle[]> {
    const manner: Manner = { ...asking, symbol: span.symbol };
    return fetchSpan(span, this.#options.clock.now(), (window) => this.#page(window, manner));
  }

  async #page(window: CandleWindow, manner: Manner): Promise<readonly VenueCandle[] | 'count' | 'future'> {
    const answer = await this.#send((accountId) => candlesPath(accountId, window), manner);
    if ('body' in answer) return this.#aligned(this.#replies.read(Candles, answer.body).candles, window.interval);
    if (answer.refusal === 'count' || answer.refusal === 'future') return answer.refusal;
    throw this.#refused(answer, manner.symbol);
  }

  /** Candles that begin elsewhere than ours would be told apart by nobody. */
  #aligned(entries: readonly CandleEntry[], interval: VenueInterval): readonly VenueCandle[] {
    const candles = entries.map(toVenueCandle);
    if (candles.every(({ openMs }) => openMs % CANDLE_INTERVALS[interval] === 0)) return candles;
    throw this.#replies.refuse();
  }

  async #ask(path: (accountId: string) => string, manner: Manner): Promise<unknown> {
    const answer = await this.#send(path, manner);
    if ('body' in answer) return answer.body;
    throw this.#refused(answer, manner.symbol);
  }

  async #send(path: (accountId: string) => string, { symbol: _symbol, ...asking }: Manner): Promise<Answer> {
    const request = this.#options.credentials.use(({ accountId }) => path(accountId));
    const { status, body } = await this.#client.get({ path: request, weight: 1, ...asking });
    if (status < 300) return { body };
    const refusal = toRefusal(status, RestRefusal.safeParse(body).data?.errorMessage ?? null);
    const reason = credentialsRefused(refusal);
    if (reason !== null) this.#options.onCredentialsRefused(reason);
    return { refusal, status };
  }

  #refused({ refusal, status }: Extract<Answer, { status: number }>, symbol?: string): GatewayError {
    const reason = credentialsRefused(refusal);
    if (reason !== null) return new GatewayError('BROKER_AUTHENTICATION_FAILED', reason);
    if (refusal === 'instrument' && symbol !== undefined) {
      return new GatewayError('UNKNOWN_SYMBOL', `Broker ${this.#name} does not list ${symbol}.`, { symbols: [symbol] });
    }
    return new GatewayError(
      'BROKER_UNAVAILABLE',
      `The venue refused a request of broker ${this.#name} (HTTP ${status}).`,
    );
  }

  #instrument(entry: unknown): Instrument | null {
    const info = this.#replies.entry(InstrumentInfo, entry);
    return info === null ? null : toInstrument(info);
  }
}

/** Bodies of refusals may be empty; those of 401 may be anything. A page with another status is a proxy's word. */
function readReply(reply: HttpReply): unknown {
  const { status, text } = reply;
  const said = text === '' && status >= 400 ? null : readJson(reply, parseExactly);
  return said === undefined && status === 401 ? null : said;
}

import type { CredentialSource } from '../../market/credentials.ts';
import { fractionDigits } from '../../market/decimal.ts';
import type { CandleDraft, FeedType, OrderBookDraft, TickDraft } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import { HttpLineFeed } from '../../transport/HttpLineFeed.ts';
import { tapLines } from '../../transport/tap.ts';
import { impatientOptions } from '../../transport/RequestQueue.ts';
import type { Parking } from '../../transport/RequestQueue.ts';
import { BaseBroker, isSameCondition } from '../BaseBroker.ts';
import type { BrokerContext, BrokerTraits, CandleQuery, Feed, FeedCondition } from '../BaseBroker.ts';
import { CatalogKeeper } from '../CatalogKeeper.ts';
import { CandleConfirmer } from './CandleConfirmer.ts';
import { checkFormat, hostsOf, streamTarget } from './access.ts';
import type { OandaCredentials, OandaEnvironment } from './access.ts';
import { InstrumentStreams } from './InstrumentStreams.ts';
import { NameReview } from './NameReview.ts';
import type { OandaBudget, OandaBudgets } from './OandaBudgets.ts';
import type { OpenLineFeed } from './OandaConnection.ts';
import { OandaRest } from './OandaRest.ts';
import { oandaStatus } from './oandaStatus.ts';
import { OandaStream } from './OandaStream.ts';
import { RefusedAccess } from './RefusedAccess.ts';
import type { CredentialsRefused } from './RefusedAccess.ts';
import { credentialsRefused } from './restReplies.ts';
import type { VenueRefusal } from './restReplies.ts';
import { toBook, toOandaTick } from './streamMapping.ts';
import type { CatalogState } from '../CatalogKeeper.ts';

export interface OandaBrokerOptions {
  readonly environment: OandaEnvironment;
  /** Replaces the environment's own host; null: that one. */
  readonly streamUrl: string | null;
  readonly restUrl: string | null;
  readonly credentials: CredentialSource<OandaCredentials>;
  readonly budgets: OandaBudgets;
  /** False if the credentials are the gateway's own, and serve every client. */
  readonly requiresAuthentication: boolean;
  /**
   * The credentials are the operator's, or the venue has just accepted them: a refusal may pass, and is tried again.
   * Those of which nothing is known are given up when the venue itself refuses them.
   *
   * @default false
   */
  readonly isTrusted?: boolean;
  /** How streams are opened. @default a real HttpLineFeed */
  readonly open?: OpenLineFeed;
}

/** `isFinal`: credentials of this form are none; the venue was not asked. */
type Refusal = Pick<CredentialsRefused, 'reason'> & Partial<CredentialsRefused> & { readonly isFinal?: true };

const FEED_TYPES: readonly FeedType[] = ['tick', 'candle', 'orderbook'];
/** Decimal places of prices whose precision the venue does not state. */
const DEFAULT_PLACES = 5;

/** The traits of a broker of this kind. */
export function oandaTraits(requiresAuthentication: boolean): BrokerTraits {
  return { kind: 'oanda', supportedTypes: FEED_TYPES, synthetic: false, requiresAuthentication };
}

/** OANDA v20: the prices that one account is quoted come over one stream, candles and everything else by request. */
export class OandaBroker extends BaseBroker {
  readonly traits: BrokerTraits;
  readonly #options: OandaBrokerOptions;
  readonly #budget: OandaBudget & Disposable;
  readonly #rest: OandaRest;
  readonly #confirmer: CandleConfirmer;
  #catalogKeeper: CatalogKeeper;
  readonly #abort = new AbortController();
  readonly #instruments: InstrumentStreams;
  readonly #review: NameReview;
  readonly #leaving = new Set<Promise<void>>();
  readonly #labels: { readonly broker: string };
  #state: 'new' | 'running' | 'closed' = 'new';
  #stream: OandaStream | null = null;
  /** Why the list of instruments has to wait before it is asked for, if it has. */
  #parking: Parking | null = null;
  /** The conditions that were reported of feeds that can't be served. */
  #unserved: ReadonlyMap<Feed, FeedCondition> = new Map();
  readonly #access: RefusedAccess;
  #closing: Promise<void> | null = null;

  constructor(context: BrokerContext, options: OandaBrokerOptions) {
    super(context);
    this.#options = options;
    const { requiresAuthentication, credentials, budgets } = options;
    this.traits = oandaTraits(requiresAuthentication);
    const { clock, random, logger, metrics, id } = context;
    this.#labels = { broker: id };
    this.#budget = credentials.use(({ token }) => budgets.use(token));
    this.#rest = new OandaRest({
      brokerId: id,
      restUrl: hostsOf(options.environment, options).restUrl,
      credentials,
      budget: this.#budget,
      clock,
      random,
      logger,
      metrics,
      onCredentialsRefused: (refused) => {
        this.#refuse(refused);
      },
    });
    this.#access = new RefusedAccess({
      clock,
      random,
      logger,
      onRetry: () => {
        this.#askAgain();
      },
    });
    this.#confirmer = new CandleConfirmer({ rest: this.#rest, clock, logger });
    this.#instruments = new InstrumentStreams({
      broker: context,
      rest: this.#rest,
      confirmer: this.#confirmer,
      placesOf: (symbol) => this.#placesOf(symbol),
      outage: () => (this.#stream?.state.kind === 'waiting' ? this.#stream.state.reason : null),
      onUndelivered: (symbol) => {
        this.#stream?.renew(`The stream does not deliver ${symbol}.`);
      },
    });
    this.#review = new NameReview({
      ask: (names) => this.#rest.quotes(names, this.#abort.signal),
      logger,
      onReviewed: () => {
        this.#catalogKeeper.refresh();
        this.reconcile();
      },
    });
    this.#catalogKeeper = this.#newKeeper();
  }

  override get isRefused(): boolean {
    return this.#access.reason !== null;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    try {
      this.#options.credentials.use(checkFormat);
    } catch (error) {
      this.#refuse({ reason: GatewayError.from(error).message, isFinal: true });
      return;
    }
    this.#catalogKeeper.start();
    this.reconcile();
  }

  override renewCatalog(): Promise<void> {
    return this.#catalogKeeper.renew();
  }

  resync(feed: Feed, reason: string): void {
    this.context.metrics.resyncs.inc({ ...this.#labels, reason: 'requested' });
    this.#instruments.get(feed.symbol)?.resync(feed, reason);
  }

  override continueBehind(feed: Feed, place: number): void {
    this.#instruments.get(feed.symbol)?.continueBehind(feed, place);
  }

  async fetchCandles(query: CandleQuery, asker?: Asker): Promise<readonly CandleDraft[]> {
    this.#checkAdmitted();
    return this.#rest.fetchCandles(query, impatientOptions(asker, this.#abort.signal));
  }

  async fetchTick(symbol: string, asker?: Asker): Promise<TickDraft | null> {
    this.#checkAdmitted();
    const price = await this.#rest.fetchPrice(symbol, impatientOptions(asker, this.#abort.signal));
    return price === null ? null : toOandaTick(price, fromEpochMs(this.context.clock.now()));
  }

  async fetchOrderBook(symbol: string, depth: number, asker?: Asker): Promise<OrderBookDraft | null> {
    this.#checkAdmitted();
    const price = await this.#rest.fetchPrice(symbol, impatientOptions(asker, this.#abort.signal));
    if (price === null) return null;
    const book = toBook(price, fromEpochMs(this.context.clock.now()));
    if (book === null) return null;
    return { ...book, bids: book.bids.slice(0, depth), asks: book.asks.slice(0, depth) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  protected reconcile(): void {
    if (this.#state === 'running') this.#apply();
  }

  async #close(): Promise<void> {
    this.#state = 'closed';
    this.#abort.abort(new GatewayError('BROKER_UNAVAILABLE', `Broker ${this.id} is shutting down.`));
    this.#confirmer[Symbol.dispose]();
    this.#access[Symbol.dispose]();
    this.#stopStreaming();
    await Promise.all([...this.#leaving, this.#catalogKeeper.close(), this.#review.done, this.#rest.close()]);
    this.catalogFailed();
    this.#budget[Symbol.dispose]();
    this.setStatus({ kind: 'closed' });
  }

  #newKeeper(): CatalogKeeper {
    const { context } = this;
    return new CatalogKeeper({
      broker: context,
      fetch: (signal) =>
        this.#rest.fetchCatalog({
          signal,
          onParked: (parking) => {
            this.#parking = parking;
            this.reconcile();
            this.#reportStatus();
          },
        }),
      pausedUntilMs: () => this.#rest.pausedUntilMs,
      listener: {
        onCatalog: (catalog, isPeriodic) => {
          this.#parking = null;
          this.#access.accepted();
          if (isPeriodic) this.#review.forget();
          this.setCatalog(catalog);
          this.#apply();
        },
        onDelayed: () => {
          this.catalogFailed();
          this.reconcile();
        },
        onState: () => {
          this.#reportStatus();
        },
      },
    });
  }

  #checkAdmitted(): void {
    const { reason } = this.#access;
    if (reason === null) return;
    // A client can't give other credentials in place of the operator's; those are tried again.
    const code = this.traits.requiresAuthentication ? 'BROKER_AUTHENTICATION_FAILED' : 'BROKER_UNAVAILABLE';
    throw new GatewayError(code, reason);
  }

  /**
   * The venue refuses the credentials. Nothing more is asked of it, for good if it has never accepted them and says so
   * in its own words, else for a while.
   */
  #refuse({ reason, isOwnWords = true, isFinal }: Refusal): void {
    if (this.#state !== 'running') return;
    const hasWorked = this.#options.isTrusted === true || this.catalog !== null;
    this.#access.refused(reason, isFinal ?? (!hasWorked && isOwnWords));
    this.#catalogKeeper.stop();
    this.catalogFailed();
    this.#apply();
    this.#reportStatus();
  }

  /** The list of instruments is the first thing that is asked for: if the venue gives it, everything begins again. */
  #askAgain(): void {
    if (this.#state !== 'running') return;
    this.#leave(this.#catalogKeeper.close());
    this.#catalogKeeper = this.#newKeeper();
    this.#catalogKeeper.start();
  }

  #apply(): void {
    const served = new Set<Feed>();
    const unserved = new Map<Feed, FeedCondition>();
    for (const feed of this.wanted) {
      const obstacle = this.#obstacleOf(feed);
      if (obstacle === 'none') served.add(feed);
      else if (obstacle !== 'unknown') unserved.set(feed, obstacle);
    }
    for (const [feed, condition] of unserved) {
      const reported = this.#unserved.get(feed);
      if (reported !== undefined && isSameCondition(condition, reported)) continue;
      this.context.sink.onFeed(feed, condition);
    }
    this.#unserved = unserved;
    this.#instruments.setFeeds(Map.groupBy(served, ({ symbol }) => symbol));
    this.#reconcileStream();
  }

  /** Why a feed can't be served; `unknown`: it is not known yet whether it can. */
  #obstacleOf({ symbol, type }: Feed): FeedCondition | 'none' | 'unknown' {
    if (this.#access.reason !== null) return { kind: 'recovering', reason: this.#access.reason };
    if (type === 'trade') return { kind: 'closed', reason: 'The venue has no trades.' };
    if (this.catalog === null) {
      const state = this.#catalogState;
      return state.kind === 'waiting' ? { kind: 'recovering', reason: state.reason } : 'unknown';
    }
    if (this.catalog.get(symbol) === undefined) {
      return { kind: 'closed', reason: `The venue does not offer ${symbol} to this account.` };
    }
    return this.#review.has(symbol) ? { kind: 'closed', reason: `The venue refused ${symbol}.` } : 'none';
  }

  /** A request that waits in the queue looks like one that is under way. */
  get #catalogState(): CatalogState {
    const { state } = this.#catalogKeeper;
    if (state.kind !== 'asked' || this.#parking === null) return state;
    const { reason, forMs } = this.#parking;
    const delayMs = Math.round(forMs);
    const until = fromEpochMs(this.context.clock.now() + forMs);
    return { kind: 'waiting', delayMs, reason: `${reason}; the venue is asked again at ${until}.` };
  }

  #placesOf(symbol: string): number {
    const tickSize = this.catalog?.get(symbol)?.tickSize ?? null;
    return tickSize === null ? DEFAULT_PLACES : fractionDigits(tickSize);
  }

  #reconcileStream(): void {
    const { names } = this.#instruments;
    if (names.size === 0) this.#stopStreaming();
    else if (this.#stream === null) this.#startStreaming(names);
    else this.#stream.want(names);
  }

  #startStreaming(names: ReadonlySet<string>): void {
    const { credentials, environment, open = (options) => new HttpLineFeed(options) } = this.#options;
    const { streamUrl } = hostsOf(environment, this.#options);
    const { onFrame } = this.context;
    this.#stream = new OandaStream(
      {
        broker: this.context,
        budget: this.#budget,
        open: onFrame === undefined ? open : (options) => open(tapLines(options, onFrame)),
        target: (wanted) => credentials.use((lent) => streamTarget(streamUrl, lent, wanted)),
        listener: {
          onPrice: (price) => {
            this.#access.flowing();
            this.#instruments.receive(price);
          },
          onHeartbeat: (time) => {
            this.#instruments.heartbeat(time);
          },
          onUnreadable: (instrument) => {
            this.#instruments.unreadable(instrument);
          },
          onLost: (reason, isKept) => {
            this.#instruments.lost(reason, isKept);
          },
          onRefused: (refusal, refused) => {
            this.#streamRefused(refusal, refused);
          },
          onChange: () => {
            this.#reportStatus();
          },
        },
      },
      names,
    );
    this.#stream.start();
  }

  #stopStreaming(): void {
    this.#instruments[Symbol.dispose]();
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) return;
    this.#leave(stream.close());
    this.#reportStatus();
  }

  /** Parts that are closing; closing the broker waits for them. */
  #leave(closing: Promise<void>): void {
    const leaving = closing.finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #streamRefused(refusal: VenueRefusal, names: ReadonlySet<string>): void {
    const reason = credentialsRefused(refusal);
    if (reason !== null) this.#refuse({ reason });
    else if (refusal === 'instrument') this.#review.begin(names);
  }

  #reportStatus(): void {
    const stream = this.#stream;
    this.countConnections(stream?.openConnections ?? 0);
    if (this.#state !== 'running') return;
    const catalog = this.#catalogState;
    this.setStatus(oandaStatus({ refusal: this.#access.reason, catalog, stream: stream?.state ?? null }));
  }
}

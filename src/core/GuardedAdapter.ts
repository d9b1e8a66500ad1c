import type { BaseBroker, BrokerSink, BrokerTraits, CandleQuery, Feed } from '../brokers/BaseBroker.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { CandleDraft, OrderBookDraft, TickDraft, TradeDraft } from '../market/marketData.ts';
import type { ProvokedFault } from '../market/mockFault.ts';
import { Backoff } from '../shared/backoff.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { runOwned } from '../shared/faultScope.ts';
import type { FaultOwner } from '../shared/faultScope.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';

/** The core uses these members of an adapter. */
export type Adapter = Omit<BaseBroker, 'id' | 'traits' | keyof AsyncDisposable>;

export interface GuardedAdapterOptions {
  /** The broker's id. */
  readonly id: string;
  readonly create: (sink: BrokerSink) => BaseBroker;
  /** A sink for the next adapter. From then on, whatever comes over the one before is ignored. */
  readonly nextSink: () => BrokerSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Delays before an adapter that failed is made anew. */
const RESTART = { baseMs: 1_000, maxMs: 60_000, random: () => 1 };
/** An adapter that has run for this long without a fault begins with the shortest delay again. */
const CALM_MS = 300_000;

/**
 * An adapter whose faults concern its broker alone. If it throws, in a call from the core or in anything that it does by itself
 * (a timer, a socket's event, a promise), it is closed, the broker is reported as disconnected with the reason, and after a
 * growing delay another one is made, which is asked for everything that is wanted. A request that fails concerns its asker
 * only. Owned by a BrokerAccount.
 */
export class GuardedAdapter implements Adapter {
  readonly #options: GuardedAdapterOptions;
  readonly #backoff = new Backoff(RESTART);
  /** Null before the start, between a fault and the next attempt, and after the end. */
  #adapter: BaseBroker | null = null;
  /** Takes the faults of the present adapter. */
  #owner: FaultOwner | null = null;
  #wanted: ReadonlySet<Feed> = new Set();
  /** The present adapter has not been asked for anything yet. */
  #known: ReadonlySet<Feed> = new Set();
  #isStandby = false;
  /** The catalog of an adapter that failed. */
  #formerCatalog: InstrumentCatalog | null = null;
  #startedAtMs = 0;
  #restart: Disposable | null = null;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: GuardedAdapterOptions) {
    this.#options = options;
  }

  /** Those of the present adapter; null if there is none. */
  get traits(): BrokerTraits | null {
    return this.#adapter?.traits ?? null;
  }

  get catalog(): InstrumentCatalog | null {
    return this.#adapter?.catalog ?? this.#formerCatalog;
  }

  get catalogTried(): Promise<void> {
    return this.#adapter?.catalogTried ?? Promise.resolve();
  }

  get isRefused(): boolean {
    return this.#call((adapter) => adapter.isRefused) ?? false;
  }

  start(): void {
    this.#begin();
  }

  setWanted(feeds: ReadonlySet<Feed>): void {
    this.#wanted = feeds;
    this.#call((adapter) => {
      const known = this.#known;
      this.#known = feeds;
      adapter.setWanted(feeds);
      // It does not know what another one has delivered before.
      for (const feed of feeds) {
        if (!known.has(feed) && typeof feed.lastPlace === 'number') adapter.continueBehind(feed, feed.lastPlace);
      }
    });
  }

  /** See BaseBroker. */
  standBy(isStandby: boolean): void {
    this.#isStandby = isStandby;
    this.#call((adapter) => {
      adapter.standBy(isStandby);
    });
  }

  resync(feed: Feed, reason: string): void {
    this.#call((adapter) => {
      adapter.resync(feed, reason);
    });
  }

  async renewCatalog(): Promise<void> {
    const owner = this.#owner;
    try {
      await this.#call((adapter) => adapter.renewCatalog());
    } catch (error) {
      owner?.(error);
    }
  }

  fetchCandles(query: CandleQuery, asker?: Asker): Promise<readonly CandleDraft[]> {
    return this.#ask((adapter) => adapter.fetchCandles(query, asker));
  }

  fetchTrades(symbol: string, limit: number, asker?: Asker): Promise<readonly TradeDraft[]> {
    return this.#ask((adapter) => adapter.fetchTrades(symbol, limit, asker));
  }

  fetchTradesFrom(symbol: string, tradeId: number, limit: number, asker?: Asker): Promise<readonly TradeDraft[]> {
    return this.#ask((adapter) => adapter.fetchTradesFrom(symbol, tradeId, limit, asker));
  }

  continueBehind(feed: Feed, place: number): void {
    this.#call((adapter) => {
      adapter.continueBehind(feed, place);
    });
  }

  fetchTick(symbol: string, asker?: Asker): Promise<TickDraft | null> {
    return this.#ask((adapter) => adapter.fetchTick(symbol, asker));
  }

  fetchOrderBook(symbol: string, depth: number, asker?: Asker): Promise<OrderBookDraft | null> {
    return this.#ask((adapter) => adapter.fetchOrderBook(symbol, depth, asker));
  }

  provoke(fault: ProvokedFault): Promise<void> {
    return this.#ask((adapter) => adapter.provoke(fault));
  }

  /** Resolves when nothing is left of any adapter. Never rejects. */
  async close(): Promise<void> {
    this.#restart?.[Symbol.dispose]();
    this.#end();
    await this.#closing;
  }

  #begin(): void {
    const { clock, create, nextSink } = this.#options;
    const owner: FaultOwner = (error) => {
      this.#fail(owner, error);
    };
    this.#owner = owner;
    this.#known = new Set();
    this.#startedAtMs = clock.monotonic();
    try {
      runOwned(owner, () => {
        this.#adapter = create(nextSink());
        this.#adapter.standBy(this.#isStandby);
        this.#adapter.start();
      });
    } catch (error) {
      owner(error);
    }
  }

  /** Runs the task if there is an adapter. What it throws is a fault of the adapter. */
  #call<Result>(task: (adapter: BaseBroker) => Result): Result | undefined {
    const adapter = this.#adapter;
    const owner = this.#owner;
    if (adapter === null || owner === null) return undefined;
    try {
      return runOwned(owner, () => task(adapter));
    } catch (error) {
      owner(error);
      return undefined;
    }
  }

  async #ask<Result>(task: (adapter: BaseBroker) => Promise<Result>): Promise<Result> {
    const adapter = this.#adapter;
    const owner = this.#owner;
    if (adapter === null || owner === null) {
      throw new GatewayError(
        'BROKER_UNAVAILABLE',
        `Broker ${this.#options.id} is being started again; try again later.`,
      );
    }
    return runOwned(owner, () => task(adapter));
  }

  #fail(owner: FaultOwner, error: unknown): void {
    const { clock, logger, nextSink } = this.#options;
    if (owner !== this.#owner) {
      logger.warn({ err: error }, 'an adapter that has ended failed');
      return;
    }
    if (clock.monotonic() - this.#startedAtMs >= CALM_MS) this.#backoff.reset();
    const delayMs = this.#backoff.next();
    logger.error({ err: error, restartInMs: delayMs }, 'the adapter failed');
    this.#end();
    const reason = `The adapter failed for a fault of ours; it is started again in ${delayMs / 1_000} s.`;
    nextSink().onStatus({ kind: 'waiting', delayMs, reason });
    this.#restart = clock.after(delayMs, () => {
      this.#begin();
      this.setWanted(this.#wanted);
    });
  }

  #end(): void {
    const adapter = this.#adapter;
    const owner = this.#owner;
    this.#formerCatalog = this.catalog;
    this.#adapter = null;
    this.#owner = null;
    if (adapter !== null && owner !== null) this.#closing = Promise.all([this.#closing, this.#close(adapter, owner)]);
  }

  async #close(adapter: BaseBroker, owner: FaultOwner): Promise<void> {
    try {
      await runOwned(owner, () => adapter.close());
    } catch (error) {
      owner(error);
    }
  }
}

import { BaseBroker } from '../BaseBroker.ts';
import type { BrokerContext, BrokerTraits, CandleQuery, Feed } from '../BaseBroker.ts';
import type { Decimal } from '../../market/decimal.ts';
import { InstrumentCatalog } from '../../market/instrument.ts';
import type { CandleDraft, FeedEventDraft, OrderBookDraft, TickDraft, TradeDraft } from '../../market/marketData.ts';
import { assertNever, GatewayError } from '../../shared/errors.ts';
import { instrumentOf, marketSpec } from './marketSpec.ts';
import type { MockKind } from './marketSpec.ts';
import { MockSymbol } from './MockSymbol.ts';
import type { SymbolStep } from './MockSymbol.ts';

export interface MockBrokerOptions {
  readonly kind: MockKind;
  readonly seed: number;
  /** Each symbol with the price its market starts at. */
  readonly symbols: Readonly<Record<string, Decimal>>;
  /** Steps a second of each symbol's market. */
  readonly ticksPerSecond: number;
  readonly requiresAuthentication: boolean;
}

/** Candles are closed, and new feeds served, at least this often, however slow the market is. */
const LONGEST_PERIOD_MS = 250;
/** The order in which the events of a step are published. */
const ORDER = ['tick', 'orderbook', 'trade', 'candle'] as const;

/** The traits of a mock broker of this kind. */
export function mockTraits({
  kind,
  requiresAuthentication,
}: Pick<MockBrokerOptions, 'kind' | 'requiresAuthentication'>): BrokerTraits {
  const supportedTypes = ORDER.filter((type) => type !== 'trade' || kind === 'mock-binance');
  return { kind, supportedTypes, synthetic: true, requiresAuthentication };
}

/**
 * A made-up venue, which needs no network. Each symbol has a market of its own, which moves while the symbol is wanted,
 * and goes on from the same prices when it is wanted again. The n-th step depends on (seed, symbol, n) alone; only the
 * times come from the clock.
 */
export class MockBroker extends BaseBroker {
  readonly traits: BrokerTraits;
  readonly #options: MockBrokerOptions;
  readonly #symbols: ReadonlyMap<string, MockSymbol>;
  readonly #catalog: InstrumentCatalog;
  #state: 'new' | 'running' | 'closed' = 'new';
  /** Feeds whose condition has been reported. */
  #known: ReadonlySet<Feed> = new Set();
  /** The feeds that are wanted and served, by symbol. */
  #active = new Map<string, readonly Feed[]>();
  /** Feeds that have yet to begin: a book with a snapshot, the others with the present state. */
  readonly #fresh = new Set<Feed>();
  /** Feeds that are reported as live with their next event. */
  readonly #recovering = new Set<Feed>();
  #timer: Disposable | null = null;
  #timerStartedMs = 0;
  #stepsDone = 0;

  /** Throws a RangeError for a symbol whose price no market can start at. */
  constructor(context: BrokerContext, options: MockBrokerOptions) {
    super(context);
    this.#options = options;
    this.traits = mockTraits(options);
    const { kind, seed, ticksPerSecond: stepsPerSecond } = options;
    const specs = Object.entries(options.symbols).map(([symbol, price]) =>
      marketSpec({ kind, symbol, price, seed, stepsPerSecond }),
    );
    const startMs = context.clock.now();
    this.#symbols = new Map(specs.map((spec) => [spec.symbol, new MockSymbol(spec, startMs)]));
    this.#catalog = new InstrumentCatalog(specs.map(instrumentOf));
  }

  override start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.context.sink.onStatus({ kind: 'connected' });
    this.context.sink.onActivity();
    this.setCatalog(this.#catalog);
    this.reconcile();
  }

  /** A fresh snapshot takes the place of the book's next change. */
  override resync(feed: Feed): void {
    if (this.#state !== 'running' || !this.#active.get(feed.symbol)?.includes(feed)) return;
    this.#fresh.add(feed);
    this.#recovering.add(feed);
  }

  override async fetchCandles(query: CandleQuery): Promise<readonly CandleDraft[]> {
    return this.#symbol(query.symbol).candles(query, this.context.clock.now());
  }

  override async fetchTrades(symbol: string, limit: number): Promise<readonly TradeDraft[]> {
    if (!this.traits.supportedTypes.includes('trade')) return super.fetchTrades(symbol, limit);
    return this.#symbol(symbol).trades(limit);
  }

  override async fetchTradesFrom(symbol: string, tradeId: number, limit: number): Promise<readonly TradeDraft[]> {
    if (!this.traits.supportedTypes.includes('trade')) return super.fetchTradesFrom(symbol, tradeId, limit);
    const kept = this.#symbol(symbol).trades(Number.POSITIVE_INFINITY);
    return kept.filter((trade) => Number(trade.tradeId) >= tradeId).slice(0, limit);
  }

  override async fetchTick(symbol: string): Promise<TickDraft> {
    return this.#symbol(symbol).tick(this.context.clock.now());
  }

  override async fetchOrderBook(symbol: string, depth: number): Promise<OrderBookDraft> {
    return this.#symbol(symbol).book(this.context.clock.now(), depth);
  }

  override close(): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#stop();
      this.#active.clear();
      this.#fresh.clear();
      this.#recovering.clear();
      this.catalogFailed();
      this.context.sink.onStatus({ kind: 'closed' });
    }
    return Promise.resolve();
  }

  protected override reconcile(): void {
    if (this.#state !== 'running') return;
    const wanted = [...this.wanted].toSorted((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
    const served = wanted.filter((feed) => this.#refusal(feed) === null);
    const before = this.#active;
    this.#active = Map.groupBy(served, (feed) => feed.symbol);
    for (const symbol of this.#active.keys()) if (!before.has(symbol)) this.#resume(symbol);
    for (const pending of [this.#fresh, this.#recovering]) {
      for (const feed of pending) if (!this.wanted.has(feed)) pending.delete(feed);
    }
    for (const feed of wanted) if (!this.#known.has(feed)) this.#report(feed);
    this.#known = new Set(this.wanted);
    if (this.#active.size === 0) this.#stop();
    else this.#run();
  }

  #report(feed: Feed): void {
    const refusal = this.#refusal(feed);
    if (refusal === null) this.#fresh.add(feed);
    this.context.sink.onFeed(feed, refusal === null ? { kind: 'live' } : { kind: 'closed', reason: refusal });
  }

  #refusal({ symbol, type }: Feed): string | null {
    if (!this.#symbols.has(symbol)) return 'The broker does not list this symbol.';
    return this.traits.supportedTypes.includes(type) ? null : 'The broker has no feed of this type.';
  }

  /** Candles that ended while nobody watched are not published. */
  #resume(symbol: string): void {
    this.#symbol(symbol).closeCandles(this.context.clock.now());
  }

  #run(): void {
    if (this.#timer !== null) return;
    const { clock } = this.context;
    this.#timerStartedMs = clock.monotonic();
    this.#stepsDone = 0;
    const periodMs = Math.min(LONGEST_PERIOD_MS, Math.max(1, 1000 / this.#options.ticksPerSecond));
    this.#timer = clock.every(periodMs, () => {
      this.#fire();
    });
  }

  #stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #fire(): void {
    const due = this.#stepsDue();
    const nowMs = this.context.clock.now();
    this.context.sink.onActivity();
    for (const [symbol, feeds] of this.#active) {
      const market = this.#symbol(symbol);
      this.#publishCandles(feeds, market.closeCandles(nowMs));
      const steps = market.hasBegun ? due : Math.max(1, due);
      for (let step = 0; step < steps; step += 1) this.#publishStep(feeds, market.step(nowMs));
      if (steps === 0) this.#publishPresent(feeds, market, nowMs);
    }
  }

  #publishStep(feeds: readonly Feed[], step: SymbolStep): void {
    for (const feed of feeds) {
      const fresh = this.#fresh.delete(feed);
      switch (feed.type) {
        case 'tick':
          this.#emit(feed, step.tick());
          break;
        case 'orderbook':
          this.#emit(feed, fresh ? step.book() : step.delta());
          break;
        case 'trade':
          for (const trade of step.trades()) this.#emit(feed, trade);
          break;
        case 'candle':
          this.#publishCandles([feed], step.candles);
          break;
        default:
          assertNever(feed.type);
      }
    }
  }

  /** Publishes the present state to new feeds whose symbol has no step due. */
  #publishPresent(feeds: readonly Feed[], market: MockSymbol, nowMs: number): void {
    for (const feed of feeds) {
      if (!this.#fresh.delete(feed)) continue;
      const draft = presentOf(feed, market, nowMs);
      if (draft !== null) this.#emit(feed, draft);
    }
  }

  #publishCandles(feeds: readonly Feed[], candles: readonly CandleDraft[]): void {
    for (const candle of candles) {
      for (const feed of feeds) {
        if (feed.type === 'candle' && feed.interval === candle.interval) this.#emit(feed, candle);
      }
    }
  }

  #emit(feed: Feed, draft: FeedEventDraft): void {
    if (this.#state !== 'running') return;
    if (this.#recovering.delete(feed)) this.context.sink.onFeed(feed, { kind: 'live' });
    this.context.sink.onEvent(feed, draft);
  }

  #symbol(symbol: string): MockSymbol {
    if (this.#state === 'closed') throw new GatewayError('BROKER_UNAVAILABLE', `Broker ${this.id} is closed.`);
    const found = this.#symbols.get(symbol);
    if (found !== undefined) return found;
    throw new GatewayError('UNKNOWN_SYMBOL', `Broker ${this.id} does not list this symbol.`, { symbols: [symbol] });
  }

  /**
   * The number of steps that are due by the time that has passed, so that late timers lose none. After a long stall, at
   * most a second's steps are made up for.
   */
  #stepsDue(): number {
    const { ticksPerSecond } = this.#options;
    const elapsedMs = this.context.clock.monotonic() - this.#timerStartedMs;
    const total = Math.floor((elapsedMs * ticksPerSecond) / 1000 + 1e-6);
    const due = Math.min(total - this.#stepsDone, Math.max(1, Math.ceil(ticksPerSecond)));
    this.#stepsDone = total;
    return due;
  }
}

function presentOf(feed: Feed, market: MockSymbol, nowMs: number): FeedEventDraft | null {
  switch (feed.type) {
    case 'tick':
      return market.tick(nowMs);
    case 'orderbook':
      return market.book(nowMs);
    case 'trade':
      return null;
    case 'candle':
      return feed.interval === null ? null : market.candle(feed.interval, nowMs);
    default:
      return assertNever(feed.type);
  }
}

/** A client may give these credentials to a broker; the mock broker looks at two of them. */
export interface MockCredentials {
  readonly token?: string | null | undefined;
  readonly accountId?: string | null | undefined;
}

/** True for the one token and account that mock-oanda knows. They are public: they guard nothing. */
export function checkMockCredentials({ token, accountId }: MockCredentials): boolean {
  return token === 'mock-token' && accountId === 'mock-account';
}

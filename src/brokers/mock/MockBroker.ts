import { BaseBroker } from '../BaseBroker.ts';
import type { BrokerContext, BrokerStatus, BrokerTraits, CandleQuery, Feed } from '../BaseBroker.ts';
import type { Decimal } from '../../market/decimal.ts';
import { InstrumentCatalog } from '../../market/instrument.ts';
import type { CandleDraft, OrderBookDraft, TickDraft, TradeDraft } from '../../market/marketData.ts';
import type { ProvokedFault } from '../../market/mockFault.ts';
import { assertNever, GatewayError } from '../../shared/errors.ts';
import { instrumentOf, marketSpec } from './marketSpec.ts';
import type { MarketSpec, MockKind } from './marketSpec.ts';
import { FaultSchedule, MOST_PROVOKED } from './FaultSchedule.ts';
import type { FaultScope, MockFault } from './FaultSchedule.ts';
import { MockSymbol } from './MockSymbol.ts';
import { LOST, SymbolFeeds } from './SymbolFeeds.ts';
import type { Beat, SymbolStanding } from './SymbolFeeds.ts';

export interface MockBrokerOptions {
  readonly kind: MockKind;
  readonly seed: number;
  /** Each symbol with the price its market starts at. */
  readonly symbols: Readonly<Record<string, Decimal>>;
  /** Steps a second of each symbol's market. */
  readonly ticksPerSecond: number;
  readonly requiresAuthentication: boolean;
  /** How it misbehaves; times count from its start. */
  readonly faults: readonly MockFault[];
}

/** Candles are closed, and new feeds served, at least this often, however slow the market is. */
const LONGEST_PERIOD_MS = 250;
/** The order in which the events of a step are published. */
const ORDER = ['tick', 'orderbook', 'trade', 'candle'] as const;

/** Faults that change the state of the connection or of a market, whoever watches. */
const STANDING_FAULTS = ['disconnect', 'halt'] as const;

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
  readonly #specs: readonly MarketSpec[];
  readonly #symbols: ReadonlyMap<string, MockSymbol>;
  readonly #schedule: FaultSchedule;
  /** The feeds of each listed symbol that has been wanted. */
  readonly #feeds = new Map<string, SymbolFeeds>();
  #state: 'new' | 'running' | 'closed' = 'new';
  /** Feeds that are not served, and whose condition has been reported. */
  #refused: ReadonlySet<Feed> = new Set();
  #timer: Disposable | null = null;
  #timerStartedMs = 0;
  #stepsDone = 0;
  /** Monotonic time of the start. */
  #startedMs = 0;
  /** The schedule has been obeyed up to this time since the start. */
  #obeyedMs = -1;
  /** Runs until the schedule changes the state of the connection or of a market. */
  #change: Disposable | null = null;
  #lost: FaultScope = 'none';
  /** The symbols whose market is closed; null before the first listing. */
  #halted: readonly string[] | null = null;

  /** Throws a RangeError for a symbol whose price no market can start at. */
  constructor(context: BrokerContext, options: MockBrokerOptions) {
    super(context);
    this.#options = options;
    this.traits = mockTraits(options);
    this.#schedule = new FaultSchedule(options.faults);
    const { kind, seed, ticksPerSecond: stepsPerSecond } = options;
    this.#specs = Object.entries(options.symbols).map(([symbol, price]) =>
      marketSpec({ kind, symbol, price, seed, stepsPerSecond }),
    );
    const startMs = context.clock.now();
    this.#symbols = new Map(this.#specs.map((spec) => [spec.symbol, new MockSymbol(spec, startMs)]));
  }

  override start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#startedMs = this.context.clock.monotonic();
    this.#obeySchedule();
    if (this.#lost !== 'all') this.context.sink.onActivity();
    this.reconcile();
  }

  /** A fresh snapshot takes the place of the book's next change. */
  override resync(feed: Feed): void {
    if (this.#state === 'running') this.#feeds.get(feed.symbol)?.resync(feed);
  }

  override continueBehind(feed: Feed, place: number): void {
    this.#feeds.get(feed.symbol)?.continueBehind(feed, place);
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
    return this.#symbol(symbol).tradesFrom(tradeId, limit);
  }

  override async fetchTick(symbol: string): Promise<TickDraft> {
    return this.#symbol(symbol).tick(this.context.clock.now());
  }

  override async fetchOrderBook(symbol: string, depth: number): Promise<OrderBookDraft> {
    return this.#symbol(symbol).book(this.context.clock.now(), depth);
  }

  override async provoke(fault: ProvokedFault): Promise<void> {
    for (const symbol of fault.symbols ?? []) this.#symbol(symbol);
    if (this.#state !== 'running') throw new GatewayError('BROKER_UNAVAILABLE', `Broker ${this.id} is closed.`);
    this.#obeySchedule();
    const { atMs } = this.#now();
    if (!this.#schedule.provoke(fault, atMs)) {
      const message = `Broker ${this.id} has ${MOST_PROVOKED} provoked faults at present; more have to wait until one is over.`;
      const retryAfterMs = Math.ceil((this.#schedule.provokedUntil(atMs) ?? atMs) - atMs);
      throw new GatewayError('LIMIT_EXCEEDED', message, { retryAfterMs });
    }
    this.#setFaults(atMs);
    const next = this.#schedule.nextChange(STANDING_FAULTS, atMs);
    this.#awaitChange(next === null ? null : next - atMs);
  }

  override close(): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#stop();
      this.#change?.[Symbol.dispose]();
      this.#feeds.clear();
      this.catalogFailed();
      this.setStatus({ kind: 'closed' });
    }
    return Promise.resolve();
  }

  protected override reconcile(): void {
    if (this.#state !== 'running') return;
    this.#obeySchedule();
    const wanted = [...this.wanted].toSorted((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
    const served = Map.groupBy(
      wanted.filter((feed) => this.#refusal(feed) === null),
      ({ symbol }) => symbol,
    );
    for (const symbol of served.keys()) if (!this.#feeds.has(symbol)) this.#feeds.set(symbol, this.#open(symbol));
    const now = this.#now();
    for (const [symbol, feeds] of this.#feeds) feeds.setFeeds(served.get(symbol) ?? [], now);
    this.#refuse(wanted);
    if (served.size === 0) this.#stop();
    else this.#run();
  }

  #open(symbol: string): SymbolFeeds {
    const feeds = new SymbolFeeds({
      symbol,
      market: this.#symbol(symbol),
      schedule: this.#schedule,
      broker: this.context,
    });
    feeds.setStanding(this.#standing(symbol, this.#obeyedMs), this.#now());
    return feeds;
  }

  #refuse(wanted: readonly Feed[]): void {
    const refused = new Set<Feed>();
    for (const feed of wanted) {
      const reason = this.#refusal(feed);
      if (reason === null) continue;
      refused.add(feed);
      if (!this.#refused.has(feed)) this.context.sink.onFeed(feed, { kind: 'closed', reason });
    }
    this.#refused = refused;
  }

  #refusal({ symbol, type }: Feed): string | null {
    if (!this.#symbols.has(symbol)) return 'The broker does not list this symbol.';
    return this.traits.supportedTypes.includes(type) ? null : 'The broker has no feed of this type.';
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
    this.#obeySchedule();
    const beat = { ...this.#now(), due: this.#stepsDue() };
    const feeds = [...this.#feeds.values()].filter(({ isWanted }) => isWanted);
    if (feeds.some((each) => !each.isMute(beat.atMs))) this.context.sink.onActivity();
    for (const each of feeds) each.beat(beat);
  }

  #now(): Omit<Beat, 'due'> {
    const { clock } = this.context;
    return { nowMs: clock.now(), atMs: clock.monotonic() - this.#startedMs };
  }

  /** Brings the connection and the markets in line with the schedule: each change in its order, even if it is late. */
  #obeySchedule(): void {
    const { atMs } = this.#now();
    const nextAfter = (ms: number): number | null => this.#schedule.nextChange(STANDING_FAULTS, ms);
    let next = this.#obeyedMs < 0 ? 0 : nextAfter(this.#obeyedMs);
    const isDue = next !== null && next <= atMs;
    for (; next !== null && next <= atMs; next = nextAfter(next)) this.#setFaults(next);
    if (isDue || this.#change === null) this.#awaitChange(next === null ? null : next - atMs);
  }

  #awaitChange(delayMs: number | null): void {
    this.#change?.[Symbol.dispose]();
    this.#change =
      delayMs === null
        ? null
        : this.context.clock.after(delayMs, () => {
            this.#change = null;
            this.#obeySchedule();
          });
  }

  #setFaults(atMs: number): void {
    this.#obeyedMs = atMs;
    this.#setConnection(atMs);
    this.#listHalted(atMs);
    const moment = { ...this.#now(), atMs };
    for (const [symbol, feeds] of this.#feeds) feeds.setStanding(this.#standing(symbol, atMs), moment);
  }

  #setConnection(atMs: number): void {
    const { id: broker, metrics } = this.context;
    const lost = this.#schedule.scope('disconnect', atMs);
    if (lost !== 'none' && lost !== this.#lost) metrics.reconnects.inc({ broker });
    this.#lost = lost;
    const backMs = this.#schedule.nextChange(['disconnect'], atMs) ?? atMs;
    this.setStatus(statusOf(lost, backMs - atMs));
  }

  #standing(symbol: string, atMs: number): SymbolStanding {
    return {
      isConnected: this.#schedule.at('disconnect', symbol, atMs) === null,
      isHalted: this.#schedule.at('halt', symbol, atMs) !== null,
    };
  }

  /** Instruments whose market is closed are listed as not tradable. */
  #listHalted(atMs: number): void {
    const halted = [...this.#symbols.keys()].filter((symbol) => this.#schedule.at('halt', symbol, atMs) !== null);
    if (JSON.stringify(halted) === JSON.stringify(this.#halted)) return;
    this.#halted = halted;
    const names = new Set(halted);
    const instruments = this.#specs.map((spec) => ({ ...instrumentOf(spec), tradable: !names.has(spec.symbol) }));
    this.setCatalog(new InstrumentCatalog(instruments));
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

function statusOf(lost: FaultScope, delayMs: number): BrokerStatus {
  switch (lost) {
    case 'none':
      return { kind: 'connected' };
    case 'some':
      return { kind: 'degraded', reason: LOST };
    case 'all':
      return { kind: 'waiting', delayMs, reason: LOST };
    default:
      return assertNever(lost);
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

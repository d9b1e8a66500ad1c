import { BaseBroker } from '../../src/brokers/BaseBroker.ts';
import type { BrokerContext, BrokerSink, BrokerTraits, Feed } from '../../src/brokers/BaseBroker.ts';
import { InstrumentCatalog } from '../../src/market/instrument.ts';
import type { CandleDraft, OrderBookDraft, TickDraft, TradeDraft } from '../../src/market/marketData.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { seededRandom } from '../../src/shared/random.ts';

export function brokerContext(id: string, sink: BrokerSink, clock: Clock = systemClock): BrokerContext {
  return {
    id,
    sink,
    clock,
    random: seededRandom(1),
    logger: silentLogger(),
    metrics: new Metrics(),
    staleAfterMs: 10_000,
    reconnect: { baseMs: 500, maxMs: 30_000 },
  };
}

export function catalogOf(...symbols: string[]): InstrumentCatalog {
  return new InstrumentCatalog(
    symbols.map((symbol) => ({
      symbol,
      displayName: symbol,
      base: symbol.slice(0, 3),
      quote: symbol.slice(3),
      tickSize: null,
      lotSize: null,
      tradable: true,
    })),
  );
}

export const TRAITS: BrokerTraits = {
  kind: 'scripted',
  supportedTypes: ['tick', 'candle', 'orderbook', 'trade'],
  synthetic: false,
  requiresAuthentication: false,
};

/** A broker that reports what a test makes it report, and records what was requested of it. */
export class ScriptedBroker extends BaseBroker {
  readonly traits: BrokerTraits;
  readonly resyncs: { feed: Feed; reason: string }[] = [];
  started = false;
  closed = false;
  refused = false;
  readonly sink: BrokerSink;

  constructor(context: BrokerContext, traits: Partial<BrokerTraits> = {}) {
    super(context);
    this.sink = context.sink;
    this.traits = { ...TRAITS, ...traits };
  }

  override get isRefused(): boolean {
    return this.refused;
  }

  /** The streams that are wanted now, as `type symbol interval`. */
  get wantedNames(): string[] {
    return [...this.wanted].map(({ type, symbol, interval }) => [type, symbol, interval ?? ''].join(' ').trim());
  }

  feed(name: string): Feed {
    const found = [...this.wanted].find(({ type, symbol }) => `${type} ${symbol}` === name);
    if (found === undefined) throw new Error(`${name} is not wanted`);
    return found;
  }

  lists(...symbols: string[]): this {
    this.setCatalog(catalogOf(...symbols));
    return this;
  }

  unreachable(): this {
    this.catalogFailed();
    return this;
  }

  start(): void {
    this.started = true;
  }

  protected reconcile(): void {
    // Tests look only at `wanted`.
  }

  resync(feed: Feed, reason: string): void {
    this.resyncs.push({ feed, reason });
  }

  fetchCandles(): Promise<readonly CandleDraft[]> {
    return Promise.resolve([]);
  }

  override fetchTrades(): Promise<readonly TradeDraft[]> {
    return Promise.resolve([]);
  }

  fetchTick(): Promise<TickDraft | null> {
    return Promise.resolve(null);
  }

  fetchOrderBook(): Promise<OrderBookDraft | null> {
    return Promise.resolve(null);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

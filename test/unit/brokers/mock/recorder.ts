import type {
  BrokerContext,
  BrokerSink,
  BrokerStatus,
  Feed,
  FeedCondition,
} from '../../../../src/brokers/BaseBroker.ts';
import { MockBroker } from '../../../../src/brokers/mock/MockBroker.ts';
import type { MockBrokerOptions } from '../../../../src/brokers/mock/MockBroker.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { InstrumentCatalog } from '../../../../src/market/instrument.ts';
import type {
  CandleDraft,
  CandleInterval,
  FeedEventDraft,
  FeedType,
  OrderBookDraft,
  TickDraft,
  TradeDraft,
} from '../../../../src/market/marketData.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

export const BINANCE: MockBrokerOptions = {
  kind: 'mock-binance',
  seed: 1,
  symbols: { BTCUSDT: decimal('43250.1'), ETHUSDT: decimal('2280.55') },
  ticksPerSecond: 10,
  requiresAuthentication: false,
  faults: [],
};

export const OANDA: MockBrokerOptions = {
  kind: 'mock-oanda',
  seed: 2,
  symbols: { EUR_USD: decimal('1.08452'), USD_JPY: decimal('149.832') },
  ticksPerSecond: 4,
  requiresAuthentication: true,
  faults: [],
};

export function feed(symbol: string, type: FeedType, interval: CandleInterval | null = null): Feed {
  return { symbol, type, interval };
}

export type RecordedFact =
  | { readonly kind: 'event'; readonly feed: Feed; readonly event: FeedEventDraft }
  | { readonly kind: 'condition'; readonly feed: Feed; readonly condition: FeedCondition }
  | { readonly kind: 'status'; readonly status: BrokerStatus };

/** A mock broker on a clock of its own, with all that it said. */
export class Recorder implements BrokerSink, AsyncDisposable {
  readonly clock: FakeClock;
  readonly broker: MockBroker;
  readonly events: { readonly feed: Feed; readonly event: FeedEventDraft }[] = [];
  readonly conditions: { readonly feed: Feed; readonly condition: FeedCondition }[] = [];
  readonly statuses: BrokerStatus[] = [];
  readonly catalogs: InstrumentCatalog[] = [];
  /** Events, conditions and statuses in their order. */
  readonly timeline: RecordedFact[] = [];
  readonly metrics = new Metrics();
  activity = 0;

  constructor(options: MockBrokerOptions, clock = new FakeClock()) {
    this.clock = clock;
    const context: BrokerContext = {
      id: options.kind,
      sink: this,
      clock,
      random: () => {
        throw new Error('a mock broker has randomness of its own');
      },
      logger: silentLogger(),
      metrics: this.metrics,
      staleAfterMs: 10_000,
      reconnect: { baseMs: 500, maxMs: 30_000 },
    };
    this.broker = new MockBroker(context, options);
  }

  /** A broker that runs, with these feeds wanted. */
  static started(options: MockBrokerOptions, ...feeds: readonly Feed[]): Recorder {
    const recorder = new Recorder(options);
    recorder.broker.start();
    recorder.want(...feeds);
    return recorder;
  }

  want(...feeds: readonly Feed[]): void {
    this.broker.setWanted(new Set(feeds));
  }

  of(wanted: Feed): readonly FeedEventDraft[] {
    return this.events.filter((each) => each.feed === wanted).map((each) => each.event);
  }

  ticks(wanted: Feed): readonly TickDraft[] {
    return this.of(wanted).filter((event) => event.type === 'tick');
  }

  trades(wanted: Feed): readonly TradeDraft[] {
    return this.of(wanted).filter((event) => event.type === 'trade');
  }

  books(wanted: Feed): readonly OrderBookDraft[] {
    return this.of(wanted).filter((event) => event.type === 'orderbook');
  }

  candles(wanted: Feed): readonly CandleDraft[] {
    return this.of(wanted).filter((event) => event.type === 'candle');
  }

  onEvent(wanted: Feed, event: FeedEventDraft): void {
    this.events.push({ feed: wanted, event });
    this.timeline.push({ kind: 'event', feed: wanted, event });
  }

  onFeed(wanted: Feed, condition: FeedCondition): void {
    this.conditions.push({ feed: wanted, condition });
    this.timeline.push({ kind: 'condition', feed: wanted, condition });
  }

  onStatus(status: BrokerStatus): void {
    this.statuses.push(status);
    this.timeline.push({ kind: 'status', status });
  }

  onActivity(): void {
    this.activity += 1;
  }

  onCatalog(catalog: InstrumentCatalog): void {
    this.catalogs.push(catalog);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.broker.close();
  }
}

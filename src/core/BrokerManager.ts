import type { BaseBroker } from '../brokers/BaseBroker.ts';
import type { EventBus } from '../bus/EventBus.ts';
import type { SubscriptionIndex } from '../fanout/SubscriptionIndex.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { MarketData, MarketDataType } from '../market/marketData.ts';
import { SHARED } from '../market/streamKey.ts';
import type { StreamKey } from '../market/streamKey.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import { ManagedBroker } from './ManagedBroker.ts';
import type { BrokerDefinition, BrokerInfo, StreamWish } from './ManagedBroker.ts';
import { MarketState } from './MarketState.ts';
import { authenticationRequired, routeBySymbol, routeToBroker } from './routeSymbols.ts';
import type { RoutableBroker } from './routeSymbols.ts';
import type { Resolution, SymbolRoute } from './subscription.ts';

export interface BrokerManagerOptions {
  readonly bus: EventBus;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly staleAfterMs: number;
  /** @default 5000 */
  readonly lingerMs?: number;
}

const LINGER_MS = 5_000;
/** How long a request waits for a venue that is being asked for the first time what it lists. */
const CATALOG_PATIENCE_MS = 3_000;

/**
 * All brokers: which there are, which of them serves a symbol, and the way of their events to the bus and from the bus to
 * those who listen. Owned by the composition root.
 */
export class BrokerManager implements AsyncDisposable {
  readonly state = new MarketState();
  readonly #options: BrokerManagerOptions;
  readonly #brokers = new Map<string, ManagedBroker>();
  readonly #watchers = new Set<(info: BrokerInfo) => void>();
  readonly #busSubscription: Disposable;

  constructor(options: BrokerManagerOptions) {
    this.#options = options;
    this.#busSubscription = options.bus.subscribe((key, event) => {
      this.#fromBus(key, event);
    });
  }

  addBroker(definition: BrokerDefinition): void {
    const { bus, clock, metrics, staleAfterMs, lingerMs = LINGER_MS } = this.#options;
    const broker = new ManagedBroker({
      definition,
      scope: SHARED,
      bus,
      clock,
      metrics,
      staleAfterMs,
      lingerMs,
      onChange: (info) => {
        for (const watcher of this.#watchers) watcher(info);
      },
      onStreamClosed: (key) => {
        this.state.forget(key);
      },
      onBookLost: (key) => {
        this.state.forget(key);
      },
    });
    this.#brokers.set(definition.id, broker);
    broker.start();
  }

  /** In the order of the configuration. */
  brokers(): readonly BrokerInfo[] {
    return [...this.#brokers.values()].map((broker) => broker.info);
  }

  broker(id: string): BrokerInfo | undefined {
    return this.#brokers.get(id)?.info;
  }

  /** Told of every change of a broker's state, and of nothing else, until disposed of. */
  watch(watcher: (info: BrokerInfo) => void): Disposable {
    this.#watchers.add(watcher);
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  /** The broker's adapter. Throws UNKNOWN_BROKER, BROKER_DISABLED, BROKER_AUTHENTICATION_REQUIRED. */
  getBroker(id: string): BaseBroker {
    return this.#usable(id).adapter;
  }

  /** What the broker lists, waiting a moment for one that is just being asked. Throws as getBroker, and BROKER_UNAVAILABLE. */
  async catalog(id: string): Promise<InstrumentCatalog> {
    const broker = this.#usable(id);
    await this.#heard([broker]);
    if (broker.catalog !== null) return broker.catalog;
    throw new GatewayError('BROKER_UNAVAILABLE', `Broker ${id} can't be reached just now; try again later.`);
  }

  /** Which broker serves each symbol. Throws what concerns the request as a whole. */
  async route(
    brokerId: string | null,
    symbols: readonly string[],
    types: readonly MarketDataType[],
  ): Promise<Resolution> {
    if (brokerId !== null) {
      const broker = this.#usable(brokerId);
      refuseUnsupported(broker.info, types);
      await this.#heard([broker]);
      return routeToBroker(routable(broker), symbols);
    }
    const enabled = [...this.#brokers.values()].filter((broker) => broker.info.enabled);
    await this.#heard(enabled);
    const brokers = enabled.map(routable);
    const able = brokers.filter((broker) => types.every((type) => broker.supportedTypes.includes(type)));
    const resolution = routeBySymbol(able, symbols);
    return resolution.accepted.length > 0 ? resolution : explainUnsupported(resolution, brokers, types);
  }

  /** Wants a stream until disposed of. The route must come from `route`. */
  want({ broker }: SymbolRoute, wish: StreamWish): Disposable {
    return this.#known(broker).want(wish);
  }

  keyOf({ broker, symbol }: SymbolRoute, type: MarketDataType, interval: StreamWish['interval']): StreamKey {
    return this.#known(broker).keyOf({ symbol, type, interval });
  }

  /** Streams open upstream, those included that only linger. */
  get openStreams(): number {
    return [...this.#brokers.values()].reduce((sum, broker) => sum + broker.openStreams, 0);
  }

  async close(): Promise<void> {
    this.#busSubscription[Symbol.dispose]();
    this.#watchers.clear();
    await Promise.all([...this.#brokers.values()].map((broker) => broker.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #fromBus(key: StreamKey, event: MarketData): void {
    const outcome = this.state.apply(key, event);
    if (outcome === 'applied') {
      this.#options.index.publish(key, event, event.type === 'orderbook' ? (this.state.book(key)?.book ?? null) : null);
    } else if (outcome === 'crossed') {
      this.#options.metrics.resyncs.inc({ broker: event.broker, reason: 'crossed' });
      this.#brokers.get(event.broker)?.resync(key, 'The order book was crossed; it is being rebuilt.');
    }
  }

  #known(id: string): ManagedBroker {
    const broker = this.#brokers.get(id);
    if (broker !== undefined) return broker;
    const ids = [...this.#brokers.keys()].join(', ');
    throw new GatewayError(
      'UNKNOWN_BROKER',
      `There is no broker ${JSON.stringify(id.slice(0, 40))}; there are: ${ids}.`,
    );
  }

  #usable(id: string): ManagedBroker {
    const broker = this.#known(id);
    if (!broker.info.enabled) throw new GatewayError('BROKER_DISABLED', `Broker ${id} is out of service.`);
    if (broker.traits.requiresAuthentication) throw authenticationRequired(id);
    return broker;
  }

  async #heard(brokers: readonly ManagedBroker[]): Promise<void> {
    const unheard = brokers.filter((broker) => broker.catalog === null);
    if (unheard.length === 0) return;
    using patience = new Patience(this.#options.clock);
    await Promise.race([Promise.all(unheard.map((broker) => broker.catalogTried)), patience.over]);
  }
}

/** A bounded wait that leaves no timer behind when something else was quicker. */
class Patience implements Disposable {
  readonly #abort = new AbortController();
  readonly over: Promise<void>;

  constructor(clock: Clock) {
    this.over = sleep(clock, CATALOG_PATIENCE_MS, this.#abort.signal);
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }
}

function routable(broker: ManagedBroker): RoutableBroker {
  const { id, synthetic, requiresAuthentication, supportedTypes } = broker.info;
  return { id, catalog: broker.catalog, synthetic, open: !requiresAuthentication, supportedTypes };
}

function refuseUnsupported({ id, supportedTypes }: BrokerInfo, types: readonly MarketDataType[]): void {
  const missing = types.filter((type) => !supportedTypes.includes(type));
  if (missing.length === 0) return;
  throw new GatewayError(
    'UNSUPPORTED_TYPE',
    `Broker ${id} has no ${missing.join(', ')}; it has: ${supportedTypes.join(', ')}.`,
  );
}

/** Nothing was accepted: where a broker lists the symbol but lacks a type, that is the reason to give. */
function explainUnsupported(
  resolution: Resolution,
  brokers: readonly RoutableBroker[],
  types: readonly MarketDataType[],
): Resolution {
  const rejected = resolution.rejected.map((rejection) => {
    if (rejection.error.code !== 'UNKNOWN_SYMBOL') return rejection;
    const listing = brokers.find((broker) => broker.catalog?.get(rejection.symbol) !== undefined);
    if (listing === undefined) return rejection;
    const missing = types.filter((type) => !listing.supportedTypes.includes(type)).join(', ');
    const error = new GatewayError('UNSUPPORTED_TYPE', `Broker ${listing.id} has no ${missing}.`, {
      symbols: [rejection.symbol],
    });
    return { symbol: rejection.symbol, error };
  });
  return { accepted: [], rejected };
}

import type { BaseBroker } from '../brokers/BaseBroker.ts';
import type { Channel, EventBus } from '../bus/EventBus.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { MarketDataType } from '../market/marketData.ts';
import { SHARED, streamKey } from '../market/streamKey.ts';
import type { Scope, StreamKey } from '../market/streamKey.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Metrics } from '../shared/metrics.ts';
import { BrokerWatcher } from './brokerInfo.ts';
import type { BrokerInfo } from './brokerInfo.ts';
import { Broker } from './Broker.ts';
import type { BrokerDefinition } from './Broker.ts';
import type { BrokerAccount, StreamWish } from './BrokerAccount.ts';
import { MarketState } from './MarketState.ts';
import { routeBySymbol, routeToBroker } from './routeSymbols.ts';
import type { RoutableBroker } from './routeSymbols.ts';
import type { BrokerAccess, Resolution, SymbolRejection, SymbolRoute } from './subscription.ts';

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
  readonly #brokers = new Map<string, Broker>();
  readonly #watchers = new Set<BrokerWatcher>();
  readonly #busSubscription: Disposable;

  constructor(options: BrokerManagerOptions) {
    this.#options = options;
    this.#busSubscription = options.bus.subscribe((key) => this.#receive(key));
  }

  addBroker(definition: BrokerDefinition): void {
    const { index: _index, ...options } = this.#options;
    const broker = new Broker({
      lingerMs: LINGER_MS,
      ...options,
      definition,
      onChange: () => {
        for (const watcher of this.#watchers) watcher.look(definition.id);
      },
    });
    this.#brokers.set(definition.id, broker);
    broker.start();
  }

  /** In the order of the configuration, as the client with this access sees them. */
  brokers(access: BrokerAccess): readonly BrokerInfo[] {
    return [...this.#brokers.values()].map((broker) => broker.info(access.scopeOf(broker.id)));
  }

  broker(id: string, access: BrokerAccess): BrokerInfo | undefined {
    return this.#brokers.get(id)?.info(access.scopeOf(id));
  }

  /** Told of every change of what the client sees of a broker's state, and of nothing else, until disposed of. */
  watch(access: BrokerAccess, tell: (info: BrokerInfo) => void): Disposable {
    const watcher = new BrokerWatcher({
      access,
      tell,
      ids: [...this.#brokers.keys()],
      infoOf: (id) => this.broker(id, access),
    });
    this.#watchers.add(watcher);
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(watcher);
        watcher[Symbol.dispose]();
      },
    };
  }

  /** The configured broker itself. Throws UNKNOWN_BROKER. */
  configured(id: string): Broker {
    const broker = this.#brokers.get(id);
    if (broker !== undefined) return broker;
    const ids = [...this.#brokers.keys()].join(', ');
    throw new GatewayError(
      'UNKNOWN_BROKER',
      `There is no broker ${JSON.stringify(id.slice(0, 40))}; there are: ${ids}.`,
    );
  }

  /** The adapter that serves the client. Throws UNKNOWN_BROKER, BROKER_DISABLED, BROKER_AUTHENTICATION_REQUIRED. */
  getBroker(id: string, access: BrokerAccess): { readonly adapter: BaseBroker; readonly scope: Scope } {
    const { adapter, scope } = this.configured(id).require(access.scopeOf(id));
    if (adapter === null) throw new GatewayError('BROKER_DISABLED', `Broker ${id} is out of service.`);
    return { adapter, scope };
  }

  /** What the broker lists, waiting a moment for one that is just being asked. Throws as getBroker, and BROKER_UNAVAILABLE. */
  async catalog(id: string, access: BrokerAccess): Promise<InstrumentCatalog> {
    const account = this.configured(id).require(access.scopeOf(id));
    await this.#heard([account]);
    if (account.catalog !== null) return account.catalog;
    throw new GatewayError('BROKER_UNAVAILABLE', `Broker ${id} can't be reached just now; try again later.`);
  }

  /** Which broker serves each symbol. Throws what concerns the request as a whole. */
  async route(request: {
    readonly broker: string | null;
    readonly symbols: readonly string[];
    readonly types: readonly MarketDataType[];
    readonly access: BrokerAccess;
  }): Promise<Resolution> {
    const { broker: id, symbols, types, access } = request;
    if (id !== null) {
      const broker = this.configured(id);
      const account = broker.require(access.scopeOf(id));
      refuseUnsupported(broker.info(null), types);
      await this.#heard([account]);
      return routeToBroker(routable(broker, access), symbols);
    }
    const enabled = [...this.#brokers.values()].filter((broker) => broker.enabled);
    await this.#heard(enabled.flatMap((broker) => broker.serving(access.scopeOf(broker.id)) ?? []));
    const brokers = enabled.map((broker) => routable(broker, access));
    const able = brokers.filter((broker) => types.every((type) => broker.supportedTypes.includes(type)));
    const { accepted, rejected } = routeBySymbol(able, symbols);
    const disabled = [...this.#brokers.values()].filter((broker) => !broker.enabled);
    return {
      accepted,
      rejected: rejected.map((rejection) => explained(rejection, { brokers, disabled, types, access })),
    };
  }

  /** Wants a stream for somebody until disposed of; null where the account that the route names is gone. */
  want({ broker, scope }: SymbolRoute, wish: StreamWish, asker: Asker): Disposable | null {
    return this.#brokers.get(broker)?.withScope(scope)?.want(wish, asker) ?? null;
  }

  /** Streams open upstream, those included that only linger. */
  get openStreams(): number {
    return [...this.#brokers.values()].reduce((sum, broker) => sum + broker.openStreams, 0);
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher[Symbol.dispose]();
    this.#watchers.clear();
    await Promise.all([...this.#brokers.values()].map((broker) => broker.close()));
    this.#busSubscription[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A stream as it comes out of the bus: its state takes an event in, then its subscribers get it. */
  #receive(key: StreamKey): Channel {
    const { index, metrics } = this.#options;
    const state = this.state.open(key);
    const { topic, source } = index.open(key);
    return {
      publish: (event) => {
        const outcome = state.apply(event);
        if (outcome === 'applied') {
          topic.publish(event, state.book);
        } else if (outcome === 'crossed') {
          metrics.resyncs.inc({ broker: event.broker, reason: 'crossed' });
          this.#brokers.get(event.broker)?.resync(key, 'The order book was crossed; it is being rebuilt.');
        }
      },
      reset: () => {
        state.forget();
      },
      [Symbol.dispose]: () => {
        this.state.close(key, state);
        source[Symbol.dispose]();
      },
    };
  }

  async #heard(accounts: readonly BrokerAccount[]): Promise<void> {
    const unheard = accounts.filter(({ catalog }) => catalog === null);
    if (unheard.length === 0) return;
    using patience = new Patience(this.#options.clock);
    await Promise.race([Promise.all(unheard.map(({ catalogTried }) => catalogTried)), patience.over]);
  }
}

/** The key of one stream of a routed symbol. */
export function keyOf(route: SymbolRoute, type: MarketDataType, interval: StreamWish['interval']): StreamKey {
  return streamKey({ ...route, type, interval });
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

function routable(broker: Broker, access: BrokerAccess): RoutableBroker {
  const account = broker.serving(access.scopeOf(broker.id));
  const { id, synthetic, supportedTypes } = broker.info(null);
  return {
    id,
    scope: account?.scope ?? SHARED,
    catalog: account?.catalog ?? null,
    synthetic,
    open: account !== null,
    supportedTypes,
  };
}

function refuseUnsupported({ id, supportedTypes }: BrokerInfo, types: readonly MarketDataType[]): void {
  const missing = types.filter((type) => !supportedTypes.includes(type));
  if (missing.length === 0) return;
  throw new GatewayError(
    'UNSUPPORTED_TYPE',
    `Broker ${id} has no ${missing.join(', ')}; it has: ${supportedTypes.join(', ')}.`,
  );
}

/** Where a broker lists a symbol that nobody serves just now, why that is so is the reason to give. */
function explained(
  rejection: SymbolRejection,
  known: {
    readonly brokers: readonly RoutableBroker[];
    readonly disabled: readonly Broker[];
    readonly types: readonly MarketDataType[];
    readonly access: BrokerAccess;
  },
): SymbolRejection {
  const { symbol, error } = rejection;
  if (error.code !== 'UNKNOWN_SYMBOL') return rejection;
  const { brokers, disabled, types, access } = known;
  const listing = brokers.find(({ catalog }) => catalog?.get(symbol) !== undefined);
  if (listing !== undefined) {
    const missing = types.filter((type) => !listing.supportedTypes.includes(type)).join(', ');
    const message = `Broker ${listing.id} has no ${missing}.`;
    return { symbol, error: new GatewayError('UNSUPPORTED_TYPE', message, { symbols: [symbol] }) };
  }
  const away = disabled.find(
    (broker) => broker.serving(access.scopeOf(broker.id))?.lastCatalog?.get(symbol) !== undefined,
  );
  if (away === undefined) return rejection;
  const message = `Broker ${away.id}, which lists ${symbol}, is out of service.`;
  return { symbol, error: new GatewayError('BROKER_DISABLED', message, { symbols: [symbol] }) };
}

import type { BusHealth, EventBus, Fleet } from '../bus/EventBus.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import type { MarketDataType, Scope, StreamKey } from '../market/marketData.ts';
import { SHARED, streamKey } from '../market/marketData.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { silentLogger } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import { BrokerWatcher } from './brokerInfo.ts';
import type { BrokerInfo } from './brokerInfo.ts';
import { Broker } from './Broker.ts';
import type { BrokerDefinition } from './Broker.ts';
import type { BrokerAccount } from './BrokerAccount.ts';
import type { WantedStream } from './NumberedStream.ts';
import type { Adapter } from './GuardedAdapter.ts';
import { MarketState } from './MarketState.ts';
import { routeBySymbol, routeToBroker, unasked } from './routeSymbols.ts';
import type { RoutableBroker } from './routeSymbols.ts';
import { ReplayLogs } from './replay/ReplayLogs.ts';
import type { BrokerAccess, Resolution, SymbolRejection, SymbolRoute } from './subscription.ts';

export interface BrokerManagerOptions {
  readonly bus: EventBus;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly staleAfterMs: number;
  /** Gets a line when a broker or its feeds can't be relied on, and when they can again. @default none */
  readonly logger?: Logger;
  /** @default 5000 */
  readonly lingerMs?: number;
  /** `feeds.replayBytes`: the memory of what is kept for clients who resume. @default 64 MiB */
  readonly replayBytes?: number;
}

const LINGER_MS = 5_000;
const REPLAY_BYTES = 64 * 1_048_576;
/** How long a request waits for the first catalog of a venue. */
const CATALOG_PATIENCE_MS = 3_000;

/**
 * All brokers: which there are, which of them serves a symbol, and the path of their events through the bus to the
 * subscribers. Owned by the composition root.
 */
export class BrokerManager implements AsyncDisposable {
  readonly state: MarketState;
  readonly #options: BrokerManagerOptions;
  readonly #brokers = new Map<string, Broker>();
  /** Those that are not configured any more, as long as somebody has subscriptions or credentials there. */
  readonly #removed = new Map<string, Broker>();
  readonly #watchers = new Set<BrokerWatcher>();
  readonly #busSubscription: Disposable;
  readonly #logs: ReplayLogs;
  #staleAfterMs: number;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: BrokerManagerOptions) {
    this.#options = options;
    this.#logs = new ReplayLogs({ clock: options.clock, maxBytes: options.replayBytes ?? REPLAY_BYTES });
    this.#staleAfterMs = options.staleAfterMs;
    this.state = new MarketState({
      index: options.index,
      logs: this.#logs,
      onCrossed: (key, { broker }) => {
        this.#rebuildCrossedBook(key, broker);
      },
    });
    this.#busSubscription = options.bus.subscribe(this.state);
  }

  /** Adds a broker. One that was removed goes on where it is still wanted. */
  addBroker(definition: BrokerDefinition): void {
    const { id } = definition;
    const former = this.#removed.get(id);
    if (former !== undefined) {
      this.#removed.delete(id);
      this.#brokers.set(id, former);
      former.restore(definition);
      return;
    }
    const { index: _index, logger = silentLogger(), ...options } = this.#options;
    const broker = new Broker({
      lingerMs: LINGER_MS,
      ...options,
      staleAfterMs: this.#staleAfterMs,
      logger: logger.child({ broker: id }),
      definition,
      onChange: () => {
        for (const watcher of this.#watchers) watcher.check(id);
      },
    });
    this.#brokers.set(id, broker);
    broker.start();
    for (const watcher of this.#watchers) watcher.check(id);
  }

  /** Removes a broker. Its subscriptions are told so, and wait for a broker of the same id. Throws UNKNOWN_BROKER. */
  removeBroker(id: string): void {
    const broker = this.configured(id);
    broker.remove();
    this.#brokers.delete(id);
    for (const [name, removed] of this.#removed) {
      if (!removed.isUnused) continue;
      this.#removed.delete(name);
      this.#closing = Promise.all([this.#closing, removed.close()]).then(() => undefined);
    }
    this.#removed.set(id, broker);
  }

  /** The order in which the brokers are listed. */
  arrange(ids: readonly string[]): void {
    for (const id of ids) {
      const broker = this.#brokers.get(id);
      if (broker === undefined) continue;
      this.#brokers.delete(id);
      this.#brokers.set(id, broker);
    }
  }

  /** The gateways that share their upstreams with this one; null if it is alone. */
  get fleet(): Fleet | null {
    return this.#options.bus.fleet;
  }

  get busHealth(): BusHealth {
    return this.#options.bus.health;
  }

  /** See `feeds.staleAfterMs` of the configuration. */
  set staleAfterMs(staleAfterMs: number) {
    this.#staleAfterMs = staleAfterMs;
    for (const broker of this.#all()) broker.staleAfterMs = staleAfterMs;
  }

  /** In the order of the configuration, as the client with this access sees them. */
  brokers(access: BrokerAccess): readonly BrokerInfo[] {
    return [...this.#brokers.values()].map((broker) => broker.info(access.scopeOf(broker.id)));
  }

  broker(id: string, access: BrokerAccess): BrokerInfo | undefined {
    return this.#brokers.get(id)?.info(access.scopeOf(id));
  }

  /** Calls the listener for each change that the client can see of a broker's state, until disposed of. */
  watch(access: BrokerAccess, listener: (info: BrokerInfo) => void): Disposable {
    const watcher = new BrokerWatcher({
      access,
      listener,
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

  /** The ids of all brokers, those included that were removed and that somebody still waits for. */
  get ids(): readonly string[] {
    return this.#all().map(({ id }) => id);
  }

  /** The account that serves the client, or null: there is none, or the broker was removed and forgotten. */
  serving(id: string, access: BrokerAccess): BrokerAccount | null {
    return this.#find(id)?.serving(access.scopeOf(id)) ?? null;
  }

  /** The adapter that serves the client. Throws UNKNOWN_BROKER, BROKER_DISABLED, BROKER_AUTHENTICATION_REQUIRED. */
  getBroker(id: string, access: BrokerAccess): { readonly adapter: Adapter; readonly scope: Scope } {
    const { adapter, scope } = this.configured(id).require(access.scopeOf(id));
    if (adapter === null) throw new GatewayError('BROKER_DISABLED', `Broker ${id} is out of service.`);
    return { adapter, scope };
  }

  /**
   * The broker's catalog. Waits a moment if the venue is being asked for it, or asked again because it lacks the
   * `wanted` symbol. Throws like getBroker, and BROKER_UNAVAILABLE.
   */
  async catalog(id: string, access: BrokerAccess, wanted?: string): Promise<InstrumentCatalog> {
    const account = this.configured(id).require(access.scopeOf(id));
    await this.#awaitCatalogs([account], wanted === undefined ? [] : [wanted]);
    if (account.catalog !== null) return account.catalog;
    throw new GatewayError('BROKER_UNAVAILABLE', `Broker ${id} can't be reached just now; try again later.`);
  }

  /** Finds the broker that serves each symbol. Throws if the request as a whole is wrong. */
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
      await this.#awaitCatalogs([account], symbols);
      return routeToBroker(routable(broker, access), symbols);
    }
    const allEnabled = [...this.#brokers.values()].filter((broker) => broker.enabled);
    const enabled = unasked(allEnabled);
    await this.#awaitCatalogs(
      enabled.flatMap((broker) => broker.serving(access.scopeOf(broker.id)) ?? []),
      symbols,
    );
    const brokers = enabled.map((broker) => routable(broker, access));
    const able = brokers.filter((broker) => types.every((type) => broker.supportedTypes.includes(type)));
    const { accepted, rejected } = routeBySymbol(able, symbols);
    const others = allEnabled.filter((broker) => !enabled.includes(broker));
    const disabled = [...this.#brokers.values()].filter((broker) => !broker.enabled);
    return {
      accepted,
      rejected: rejected.map((rejection) => explainRejection(rejection, { brokers, others, disabled, types, access })),
    };
  }

  /** Wants a stream until disposed of; null if the route's account is closed. */
  want({ broker, scope }: SymbolRoute, wish: WantedStream, asker: Asker): Disposable | null {
    return this.#find(broker)?.withScope(scope)?.want(wish, asker) ?? null;
  }

  /** The adapter of the route's account; null while it is out of service. */
  adapter({ broker, scope }: SymbolRoute): Adapter | null {
    return this.#find(broker)?.withScope(scope)?.adapter ?? null;
  }

  /** The epoch is one that a leader of the fleet has made for streams of the route's account. */
  knowsEpoch({ broker, scope }: SymbolRoute, epoch: string): boolean {
    return this.#find(broker)?.withScope(scope)?.knowsEpoch(epoch) ?? false;
  }

  /** See BaseBroker.continueBehind. */
  continueBehind({ broker, scope }: SymbolRoute, key: StreamKey, place: number): void {
    this.#find(broker)?.withScope(scope)?.continueBehind(key, place);
  }

  /** The number of streams open upstream, including those that nobody wants any more but that are not closed yet. */
  get openStreams(): number {
    return this.#all().reduce((sum, broker) => sum + broker.openStreams, 0);
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher[Symbol.dispose]();
    this.#watchers.clear();
    await Promise.all([this.#closing, ...this.#all().map((broker) => broker.close())]);
    this.#busSubscription[Symbol.dispose]();
    this.#logs[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #all(): readonly Broker[] {
    return [...this.#brokers.values(), ...this.#removed.values()];
  }

  #find(id: string): Broker | undefined {
    return this.#brokers.get(id) ?? this.#removed.get(id);
  }

  #rebuildCrossedBook(key: StreamKey, id: string): void {
    this.#options.metrics.resyncs.inc({ broker: id, reason: 'crossed' });
    this.#find(id)?.resync(key, 'The order book was crossed; it is being rebuilt.');
  }

  /**
   * Waits a moment for catalogs that are not known yet. If all of them are known and none has one of these symbols,
   * the venues are asked again before anybody hears that it does not exist.
   */
  async #awaitCatalogs(accounts: readonly BrokerAccount[], symbols: readonly string[]): Promise<void> {
    const unknown = accounts.filter(({ catalog }) => catalog === null);
    if (unknown.length > 0) await this.#within(unknown.map(({ catalogTried }) => catalogTried));
    const isNew = (symbol: string): boolean =>
      accounts.every(({ catalog }) => catalog !== null && catalog.get(symbol) === undefined);
    if (symbols.some(isNew)) await this.#within(accounts.map((account) => account.renewCatalog()));
  }

  async #within(answers: readonly Promise<void>[]): Promise<void> {
    using patience = new Patience(this.#options.clock);
    await Promise.race([Promise.all(answers), patience.over]);
  }
}

/** The key of one stream of a routed symbol. */
export function keyOf(route: SymbolRoute, type: MarketDataType, interval: WantedStream['interval']): StreamKey {
  return streamKey({ ...route, type, interval });
}

/** A wait with a limit, which leaves no timer behind if something else was faster. */
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

/** If some broker lists a symbol but can't serve it now, the rejection says why. */
function explainRejection(
  rejection: SymbolRejection,
  known: {
    readonly brokers: readonly RoutableBroker[];
    /** Those that serve only clients who name them. */
    readonly others: readonly Broker[];
    readonly disabled: readonly Broker[];
    readonly types: readonly MarketDataType[];
    readonly access: BrokerAccess;
  },
): SymbolRejection {
  const { symbol, error } = rejection;
  if (error.code !== 'UNKNOWN_SYMBOL') return rejection;
  const { brokers, others, disabled, types, access } = known;
  const listing = brokers.find(({ catalog }) => catalog?.get(symbol) !== undefined);
  if (listing !== undefined) {
    const missing = types.filter((type) => !listing.supportedTypes.includes(type)).join(', ');
    const message = `Broker ${listing.id} has no ${missing}.`;
    return { symbol, error: new GatewayError('UNSUPPORTED_TYPE', message, { symbols: [symbol] }) };
  }
  const lists = (broker: Broker): boolean =>
    broker.serving(access.scopeOf(broker.id))?.lastCatalog?.get(symbol) !== undefined;
  const away = disabled.find((broker) => lists(broker) && !broker.synthetic);
  if (away !== undefined) {
    const message = `Broker ${away.id}, which lists ${symbol}, is out of service.`;
    return { symbol, error: new GatewayError('BROKER_DISABLED', message, { symbols: [symbol] }) };
  }
  const madeUp = others.find(lists);
  if (madeUp === undefined) return rejection;
  const message = `${error.message} ${madeUp.id} has made-up prices of it, for clients that name this broker.`;
  return { symbol, error: new GatewayError('UNKNOWN_SYMBOL', message, { symbols: [symbol] }) };
}

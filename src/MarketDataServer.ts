import { collectDefaultMetrics } from 'prom-client';
import type { EventBus } from './bus/EventBus.ts';
import { MemoryBus } from './bus/MemoryBus.ts';
import { RedisBus } from './bus/redis/RedisBus.ts';
import { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { ReloadOutcome, RunningParts } from './cli/process.ts';
import { brokerDifference, differenceOf } from './config/difference.ts';
import type { ConfigDifference } from './config/difference.ts';
import type { Config } from './config/schema.ts';
import { ConfiguredBrokers } from './ConfiguredBrokers.ts';
import { BrokerAuthenticator } from './core/BrokerAuthenticator.ts';
import type { BrokerAuthenticatorOptions } from './core/BrokerAuthenticator.ts';
import { BrokerManager } from './core/BrokerManager.ts';
import type { BrokerManagerOptions } from './core/BrokerManager.ts';
import { CredentialVault } from './core/CredentialVault.ts';
import { ClientLogins } from './core/login/ClientLogins.ts';
import { KeyConnections } from './core/login/apiKeys.ts';
import { Queries } from './core/Queries.ts';
import type { Services } from './core/Services.ts';
import { Sessions } from './core/Sessions.ts';
import { NO_ACCESS } from './core/subscription.ts';
import { Subscriptions } from './core/Subscriptions.ts';
import { GOING_AWAY } from './fanout/client/closeReason.ts';
import { SubscriptionIndex } from './fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from './fanout/routing/FlushScheduler.ts';
import { defineReplay } from './defineReplay.ts';
import { createGraphql } from './graphql/createGraphql.ts';
import { addressForLimits, isLocal, isSecure, TrustedProxies } from './http/clientAddress.ts';
import { dashboardPages } from './http/dashboard.ts';
import { createHealth, createMetricsEndpoint } from './http/endpoints.ts';
import type { MetricsEndpointOptions } from './http/endpoints.ts';
import { ClientConnections } from './http/ClientConnections.ts';
import { HttpServer } from './http/HttpServer.ts';
import type { UpgradeHandler } from './http/HttpServer.ts';
import { ReplayBus } from './recording/ReplayBus.ts';
import type { Replay } from './recording/Replay.ts';
import { RawProtocol } from './raw/RawProtocol.ts';
import { AdmissionControl, socketsForClients } from './shared/AdmissionControl.ts';
import { systemClock } from './shared/clock.ts';
import type { Clock } from './shared/clock.ts';
import { unownedClock } from './shared/faultScope.ts';
import type { Logger } from './shared/logger.ts';
import { FairPool } from './shared/FairPool.ts';
import { FairTurns } from './shared/FairTurns.ts';
import { Metrics } from './shared/metrics.ts';
import { systemRandom } from './shared/random.ts';

/** A gateway is started with these options. */
export interface MarketDataServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** How long a stream stays open upstream after its last subscriber has left. @default the manager's */
  readonly lingerMs?: number;
  /** @default the system's */
  readonly clock?: Clock;
  /** Is served as a broker beside those of the configuration, and takes the place of the bus. @default none */
  readonly replay?: Replay;
  /** Is told each frame of the venues' live data, as it came. @default nobody wants them */
  readonly onFrame?: (text: string) => void;
}

/** The whole gateway. It builds and owns every part, and closes them in reverse order. */
export class MarketDataServer implements AsyncDisposable {
  readonly #http: HttpServer;
  readonly #parts: AsyncDisposableStack;
  readonly #started: Config;
  readonly #settings: Settings;
  readonly #changing: ChangingParts;
  readonly #admission: AdmissionControl;
  readonly #shutdown: Shutdown;
  readonly manager: BrokerManager;
  readonly metrics: Metrics;

  private constructor(parts: {
    readonly http: HttpServer;
    readonly owned: AsyncDisposableStack;
    readonly settings: Settings;
    readonly changing: ChangingParts;
    readonly admission: AdmissionControl;
    readonly shutdown: Shutdown;
    readonly metrics: Metrics;
  }) {
    this.#http = parts.http;
    this.#parts = parts.owned;
    this.#started = parts.settings.config;
    this.#settings = parts.settings;
    this.#changing = parts.changing;
    this.#admission = parts.admission;
    this.#shutdown = parts.shutdown;
    this.manager = parts.changing.manager;
    this.metrics = parts.metrics;
    this.metrics.configLastReloadSuccessful.set(1);
  }

  /** Resolves once clients can connect. If the address is not available it rejects and leaves nothing running. */
  static async start(options: MarketDataServerOptions): Promise<MarketDataServer> {
    await using owned = new AsyncDisposableStack();
    const settings: Settings = { config: options.config };
    const shutdown: Shutdown = { withinMs: Infinity };
    const entrance = buildEntrance(options, settings, owned);
    const services = buildServices({ options, settings, entrance, owned });
    const http = buildHttp({ options, settings, entrance, services });
    owned.defer(() => http.close(Math.min(shutdown.withinMs, settings.config.server.shutdownTimeoutMs)));
    // The authenticator is closed first: clients that wait for a venue's answer get an error while they are still connected.
    owned.use(services.authenticator);
    await http.listen();
    const { logger, logins, manager, metrics } = services;
    // Faults of adapters are in their own names, so their clock is the one that was given.
    const { clock = systemClock } = options;
    const brokers = new ConfiguredBrokers({
      manager,
      clock,
      logger,
      metrics,
      binanceHosts: new BinanceHosts({ clock, random: systemRandom, pauses: manager.fleet }),
      oandaBudgets: new OandaBudgets({ clock }),
      feeds: () => settings.config.feeds,
      onFrame: options.onFrame,
    });
    // No venue is contacted if the port is in use.
    brokers.prepare(brokerDifference({}, settings.config.brokers), settings.config.brokers)();
    const { replay } = options;
    if (replay !== undefined) {
      const { feeds } = settings.config;
      manager.addBroker(defineReplay(replay, { ...feeds, clock, logger, metrics, random: systemRandom }));
    }
    const { admission, proxies } = entrance;
    admission.start();
    const changing = { manager, brokers, logins, proxies };
    return new MarketDataServer({ http, owned: owned.move(), settings, changing, admission, shutdown, metrics });
  }

  /** Applies a valid configuration as far as a running gateway can, at once. Nothing has changed if it throws. */
  reconfigure(next: Config): ConfigDifference {
    const difference = differenceOf({ started: this.#started, running: this.#settings.config, next });
    const { brokers, logins, manager, proxies } = this.#changing;
    const changeBrokers = brokers.prepare(difference.brokers, next.brokers);
    this.#settings.config = next;
    proxies.replace(next.server.trustedProxies);
    logins.replace(next.auth);
    manager.staleAfterMs = next.feeds.staleAfterMs;
    changeBrokers();
    return difference;
  }

  /** Counts that the configuration was read again. */
  countReload(outcome: ReloadOutcome): void {
    this.metrics.configReloads.inc({ outcome });
    this.metrics.configLastReloadSuccessful.set(outcome === 'refused' ? 0 : 1);
  }

  get urls(): { readonly http: string; readonly graphql: string; readonly raw: string } {
    const { url } = this.#http;
    return { http: url, graphql: `${url}/graphql`, raw: `${url.replace(/^http/, 'ws')}/ws` };
  }

  /** The brokers as an anonymous client sees them, and the bus. */
  get parts(): RunningParts {
    return { brokers: this.manager.brokers(NO_ACCESS), bus: this.manager.busHealth };
  }

  /**
   * Says that it is not ready and takes on nothing new; then it disconnects every client, and ends every connection and timer.
   * Clients that are still connected shortly before `withinMs` (at most `server.shutdownTimeoutMs`) has passed are cut off. It
   * may be called repeatedly.
   */
  close(withinMs = Infinity): Promise<void> {
    this.#shutdown.withinMs = Math.min(withinMs, this.#shutdown.withinMs);
    this.#http.drain();
    this.#admission.drain();
    return this.#parts.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A client that reads nothing for this many heartbeats is disconnected. */
const UNREAD_BEATS = 2;
/** How many values all unfinished answers may hold together. A value takes about 80 bytes meanwhile. */
const ANSWER_VALUES = { capacity: 2_000_000, perOwner: 400_000, perAsker: 100_000, free: 2_000 };

/** The configuration as it is now. What may change is read from here at each use. */
interface Settings {
  config: Config;
}

/** How long the shutdown may take, if that is less than the configuration says. */
interface Shutdown {
  withinMs: number;
}

/** These parts are told when the configuration has changed. */
interface ChangingParts {
  readonly manager: BrokerManager;
  readonly brokers: ConfiguredBrokers;
  readonly logins: ClientLogins;
  readonly proxies: TrustedProxies;
}

/** The parts of the gateway are built from these. */
interface Building {
  readonly options: MarketDataServerOptions;
  readonly settings: Settings;
  readonly entrance: Entrance;
}

/** Decides which connections are let in. */
interface Entrance {
  readonly proxies: TrustedProxies;
  readonly admission: AdmissionControl;
  readonly connections: ClientConnections;
}

function buildEntrance(
  { config, logger, clock = systemClock }: MarketDataServerOptions,
  settings: Settings,
  owned: AsyncDisposableStack,
): Entrance {
  const proxies = new TrustedProxies(config.server.trustedProxies);
  const admission = owned.use(new AdmissionControl({ clock, logger }));
  const connections = new ClientConnections({
    get limits() {
      return settings.config.limits;
    },
    proxies,
    maxSockets: socketsForClients(),
    refusal: () => admission.refuseConnection(),
    clock,
  });
  return { proxies, admission, connections };
}

function buildServices({
  options,
  settings,
  entrance,
  owned,
}: Building & { readonly owned: AsyncDisposableStack }): Services {
  const { config, logger } = options;
  const clock = unownedClock(options.clock ?? systemClock);
  const { proxies, admission, connections } = entrance;
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry });
  const scheduler = owned.use(new FlushScheduler(clock));
  const index = new SubscriptionIndex(scheduler);
  const manager = owned.use(
    buildManager({ ...options, clock }, { index, metrics, bus: owned.use(buildBus({ ...options, clock }, metrics)) }),
  );
  const subscriptions = owned.use(
    new Subscriptions({
      manager,
      index,
      clock,
      logger,
      get symbolsPerSubscription() {
        return settings.config.limits.symbolsPerSubscription;
      },
      admission,
    }),
  );
  const logins = owned.use(new ClientLogins({ auth: config.auth, clock, logger, metrics }));
  const sessions = owned.use(buildSessions(settings, clock));
  return {
    manager,
    subscriptions,
    queries: new Queries(manager),
    logins,
    keyConnections: new KeyConnections(),
    sessions,
    authenticator: buildAuthenticator(settings, { manager, sessions, clock, logger }),
    clientOf: (request) => ({
      address: addressForLimits(request, proxies),
      secure: isSecure(request, proxies),
      local: isLocal(request, proxies),
    }),
    holdConnection: (request) => connections.hold(request),
    get allowInsecureCredentials() {
      return settings.config.server.allowInsecureCredentials;
    },
    admission,
    turns: owned.use(new FairTurns(clock)),
    answers: new FairPool(ANSWER_VALUES),
    scheduler,
    clock,
    logger,
    metrics,
    get limits() {
      return settings.config.limits;
    },
  };
}

function buildBus(
  { config, logger, clock = systemClock, replay }: MarketDataServerOptions,
  metrics: Metrics,
): EventBus {
  const { engine, redis } = config.bus;
  if (replay !== undefined || engine === 'memory' || redis.url === null) {
    metrics.busState.set({ state: 'ok' }, 1);
    return replay === undefined ? new MemoryBus() : new ReplayBus(replay);
  }
  const bus = new RedisBus({ ...redis, url: redis.url, clock, random: systemRandom, logger, metrics });
  bus.start();
  return bus;
}

function buildSessions(settings: Settings, clock: Clock): Sessions {
  return new Sessions({
    clock,
    get idleTimeoutMs() {
      return settings.config.sessions.idleTimeoutMs;
    },
  });
}

function buildAuthenticator(
  settings: Settings,
  parts: Pick<BrokerAuthenticatorOptions, 'manager' | 'sessions' | 'clock' | 'logger'>,
): BrokerAuthenticator {
  return new BrokerAuthenticator({
    ...parts,
    vault: new CredentialVault(),
    get allowInsecure() {
      return settings.config.server.allowInsecureCredentials;
    },
  });
}

function buildManager(
  { config, logger, lingerMs, clock = systemClock }: MarketDataServerOptions,
  parts: Pick<BrokerManagerOptions, 'index' | 'metrics' | 'bus'>,
): BrokerManager {
  const { staleAfterMs, replayBytes } = config.feeds;
  return new BrokerManager({
    ...parts,
    clock,
    logger,
    staleAfterMs,
    replayBytes,
    ...(lingerMs === undefined ? {} : { lingerMs }),
  });
}

function buildGraphql(
  { config }: MarketDataServerOptions,
  settings: Settings,
  services: Services,
): ReturnType<typeof createGraphql> {
  const { maxPayloadBytes, compression } = config.server;
  return createGraphql({
    services,
    graphql: {
      get introspection() {
        return settings.config.graphql.introspection;
      },
      get graphiql() {
        return settings.config.graphql.graphiql;
      },
    },
    heartbeatMs: config.heartbeat.graphqlMs,
    maxPayloadBytes,
    compression,
  });
}

function buildHttp({ options, settings, entrance, services }: Building & { readonly services: Services }): HttpServer {
  const { config, logger, version } = options;
  const { proxies, admission, connections } = entrance;
  const { clock, manager, metrics } = services;
  const { maxPayloadBytes, compression, host, port, keepAliveTimeoutMs } = config.server;
  const { graphqlMs, rawMs } = config.heartbeat;
  const graphql = buildGraphql(options, settings, services);
  const raw = new RawProtocol({ services, heartbeatMs: rawMs, maxPayloadBytes, compression });
  const { health, ready } = createHealth({
    manager,
    bus: () => manager.busHealth,
    draining: () => http.draining,
    heldUp: () => admission.isHeldUp,
    clock,
    version,
  });
  const http = new HttpServer({
    host,
    port,
    requestHandlers: new Map([
      ...dashboardPages(logger),
      [
        '/graphql',
        (request, response) => {
          graphql.handle(request, response);
        },
      ],
      ['/health', health],
      ['/ready', ready],
      ['/metrics', buildMetrics(settings, { metrics, proxies })],
    ]),
    upgradeHandlers: new Map<string, UpgradeHandler>([
      [
        '/graphql',
        {
          upgrade: (request, socket, head) => {
            graphql.upgrade(request, socket, head);
          },
          close: (spread) => graphql.close(GOING_AWAY, spread),
        },
      ],
      ['/ws', raw],
    ]),
    get allowedOrigins() {
      return settings.config.server.allowedOrigins;
    },
    connections,
    alwaysServed: new Set(['/health', '/ready', '/metrics']),
    crossOriginPaths: new Set(['/graphql']),
    unreadTimeoutMs: UNREAD_BEATS * graphqlMs,
    get shutdownTimeoutMs() {
      return settings.config.server.shutdownTimeoutMs;
    },
    keepAliveTimeoutMs,
    clock,
    random: systemRandom,
    logger,
  });
  return http;
}

function buildMetrics(
  settings: Settings,
  parts: Pick<MetricsEndpointOptions, 'metrics' | 'proxies'>,
): ReturnType<typeof createMetricsEndpoint> {
  return createMetricsEndpoint({
    ...parts,
    get access() {
      return settings.config.metrics.access;
    },
    get token() {
      return settings.config.metrics.token;
    },
  });
}

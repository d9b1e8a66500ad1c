import { collectDefaultMetrics } from 'prom-client';
import { MemoryBus } from './bus/MemoryBus.ts';
import { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { RunningParts } from './cli/process.ts';
import type { Config } from './config/schema.ts';
import { BrokerAuthenticator } from './core/BrokerAuthenticator.ts';
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
import { defineBroker } from './createBroker.ts';
import { GOING_AWAY } from './fanout/client/closeReason.ts';
import { SubscriptionIndex } from './fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from './fanout/routing/FlushScheduler.ts';
import { createGraphql } from './graphql/createGraphql.ts';
import { addressForLimits, isSecure, TrustedProxies } from './http/clientAddress.ts';
import { createHealth, indexPage, createMetricsEndpoint } from './http/endpoints.ts';
import { ClientConnections } from './http/ClientConnections.ts';
import { HttpServer } from './http/HttpServer.ts';
import type { UpgradeHandler } from './http/HttpServer.ts';
import { RawProtocol } from './raw/RawProtocol.ts';
import { systemClock } from './shared/clock.ts';
import type { Clock } from './shared/clock.ts';
import type { Logger } from './shared/logger.ts';
import { FairPool } from './shared/FairPool.ts';
import { FairTurns } from './shared/FairTurns.ts';
import { HeapWatch, socketsForClients } from './shared/processLimits.ts';
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
}

/** The whole gateway. It builds and owns every part, and closes them in reverse order. */
export class MarketDataServer implements AsyncDisposable {
  readonly #http: HttpServer;
  readonly #parts: AsyncDisposableStack;
  readonly manager: BrokerManager;
  readonly metrics: Metrics;

  private constructor(parts: {
    readonly http: HttpServer;
    readonly owned: AsyncDisposableStack;
    readonly manager: BrokerManager;
    readonly metrics: Metrics;
  }) {
    this.#http = parts.http;
    this.#parts = parts.owned;
    this.manager = parts.manager;
    this.metrics = parts.metrics;
  }

  /** Resolves once clients can connect. If the address is not available it rejects and leaves nothing running. */
  static async start(options: MarketDataServerOptions): Promise<MarketDataServer> {
    await using owned = new AsyncDisposableStack();
    const admission = buildAdmission(options);
    const services = buildServices(options, admission, owned);
    const http = owned.use(buildHttp(options, admission, services));
    // The authenticator is closed first: clients that wait for a venue's answer get an error while they are still connected.
    owned.use(services.authenticator);
    await http.listen();
    addBrokers(options, services);
    const { manager, metrics } = services;
    return new MarketDataServer({ http, owned: owned.move(), manager, metrics });
  }

  get urls(): { readonly http: string; readonly graphql: string; readonly raw: string } {
    const { url } = this.#http;
    return { http: url, graphql: `${url}/graphql`, raw: `${url.replace(/^http/, 'ws')}/ws` };
  }

  /** The brokers as an anonymous client sees them, and the bus. */
  get parts(): RunningParts {
    return { brokers: this.manager.brokers(NO_ACCESS), bus: { engine: 'memory', state: 'ok' } };
  }

  /** Disconnects every client, and ends every connection and timer. It may be called repeatedly. */
  close(): Promise<void> {
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

/** Decides which connections are let in. */
interface Admission {
  readonly proxies: TrustedProxies;
  readonly heap: HeapWatch;
  readonly connections: ClientConnections;
}

function buildAdmission({ config, clock = systemClock }: MarketDataServerOptions): Admission {
  const proxies = new TrustedProxies(config.server.trustedProxies);
  const heap = new HeapWatch({ clock });
  const connections = new ClientConnections({
    limits: config.limits,
    proxies,
    maxSockets: socketsForClients(),
    isShortOfMemory: () => heap.isFullForConnections,
    clock,
  });
  return { proxies, heap, connections };
}

function buildServices(options: MarketDataServerOptions, admission: Admission, owned: AsyncDisposableStack): Services {
  const { config, logger, clock = systemClock } = options;
  const { proxies, heap, connections } = admission;
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry });
  const scheduler = owned.use(new FlushScheduler(clock));
  const index = new SubscriptionIndex(scheduler);
  const manager = owned.use(buildManager(options, { index, metrics, bus: owned.use(new MemoryBus()) }));
  const { symbolsPerSubscription } = config.limits;
  const subscriptions = new Subscriptions({ manager, index, clock, symbolsPerSubscription, heap });
  const logins = owned.use(new ClientLogins({ auth: config.auth, clock, logger, metrics }));
  const sessions = owned.use(new Sessions({ clock, idleTimeoutMs: config.sessions.idleTimeoutMs }));
  const authenticator = new BrokerAuthenticator({
    manager,
    sessions,
    vault: new CredentialVault(),
    clock,
    logger,
    allowInsecure: config.server.allowInsecureCredentials,
  });
  return {
    manager,
    subscriptions,
    queries: new Queries(manager),
    logins,
    keyConnections: new KeyConnections(),
    sessions,
    authenticator,
    clientOf: (request) => ({ address: addressForLimits(request, proxies), secure: isSecure(request, proxies) }),
    holdConnection: (request) => connections.hold(request),
    allowInsecureCredentials: config.server.allowInsecureCredentials,
    heap,
    turns: owned.use(new FairTurns(clock)),
    answers: new FairPool(ANSWER_VALUES),
    scheduler,
    clock,
    logger,
    metrics,
    limits: config.limits,
  };
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

function buildGraphql({ config }: MarketDataServerOptions, services: Services): ReturnType<typeof createGraphql> {
  const { maxPayloadBytes, compression } = config.server;
  return createGraphql({
    services,
    graphql: config.graphql,
    heartbeatMs: config.heartbeat.graphqlMs,
    maxPayloadBytes,
    compression,
  });
}

function buildHttp(
  options: MarketDataServerOptions,
  { proxies, connections }: Admission,
  services: Services,
): HttpServer {
  const { config, logger, version } = options;
  const { clock, manager, metrics } = services;
  const { maxPayloadBytes, compression, allowedOrigins, host, port, shutdownTimeoutMs, keepAliveTimeoutMs } =
    config.server;
  const { graphqlMs, rawMs } = config.heartbeat;
  const graphql = buildGraphql(options, services);
  const raw = new RawProtocol({ services, heartbeatMs: rawMs, maxPayloadBytes, compression });
  const { health, ready } = createHealth({
    manager,
    bus: () => ({ engine: 'memory', state: 'ok' }),
    draining: () => http.draining,
    clock,
    version,
  });
  const http = new HttpServer({
    host,
    port,
    requestHandlers: new Map([
      ['/', indexPage],
      [
        '/graphql',
        (request, response) => {
          graphql.handle(request, response);
        },
      ],
      ['/health', health],
      ['/ready', ready],
      ['/metrics', createMetricsEndpoint({ metrics, ...config.metrics, proxies })],
    ]),
    upgradeHandlers: new Map<string, UpgradeHandler>([
      [
        '/graphql',
        {
          upgrade: (request, socket, head) => {
            graphql.upgrade(request, socket, head);
          },
          close: () => graphql.close(GOING_AWAY),
        },
      ],
      ['/ws', raw],
    ]),
    allowedOrigins,
    connections,
    alwaysServed: new Set(['/health', '/ready', '/metrics']),
    crossOriginPaths: new Set(['/graphql']),
    unreadTimeoutMs: UNREAD_BEATS * graphqlMs,
    shutdownTimeoutMs,
    keepAliveTimeoutMs,
    clock,
    logger,
  });
  return http;
}

/** Called last, so that no venue is contacted if the port is in use. */
function addBrokers({ config, logger }: MarketDataServerOptions, { manager, clock, metrics }: Services): void {
  const binanceHosts = new BinanceHosts({ clock, random: systemRandom });
  const oandaBudgets = new OandaBudgets({ clock });
  const { staleAfterMs, reconnect } = config.feeds;
  for (const [id, broker] of Object.entries(config.brokers)) {
    const log = logger.child({ broker: id });
    const context = {
      id,
      clock,
      random: systemRandom,
      logger: log,
      metrics,
      staleAfterMs,
      reconnect,
      binanceHosts,
      oandaBudgets,
    };
    manager.addBroker(defineBroker(broker, context));
  }
}

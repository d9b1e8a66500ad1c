import { collectDefaultMetrics } from 'prom-client';
import { MemoryBus } from './bus/MemoryBus.ts';
import { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { Config } from './config/schema.ts';
import { BrokerAuthenticator } from './core/BrokerAuthenticator.ts';
import { BrokerManager } from './core/BrokerManager.ts';
import type { BrokerManagerOptions } from './core/BrokerManager.ts';
import { CredentialVault } from './core/CredentialVault.ts';
import { ClientLogins } from './core/login/ClientLogins.ts';
import { KeyConnections } from './core/login/KeyConnections.ts';
import { Queries } from './core/Queries.ts';
import type { Services } from './core/Services.ts';
import { Sessions } from './core/Sessions.ts';
import { Subscriptions } from './core/Subscriptions.ts';
import { defineBroker } from './createBroker.ts';
import { SubscriptionIndex } from './fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from './fanout/routing/FlushScheduler.ts';
import { createGraphql } from './graphql/createGraphql.ts';
import { countedAddress, isSecure, TrustedProxies } from './http/clientAddress.ts';
import { createHealth } from './http/health.ts';
import { ClientConnections } from './http/ClientConnections.ts';
import { HttpServer } from './http/HttpServer.ts';
import type { UpgradeHandler } from './http/HttpServer.ts';
import { indexPage } from './http/indexPage.ts';
import { createMetricsEndpoint } from './http/metricsEndpoint.ts';
import { isAllowedOrigin } from './http/origin.ts';
import { RawProtocol } from './raw/RawProtocol.ts';
import { systemClock } from './shared/clock.ts';
import type { Clock } from './shared/clock.ts';
import type { Logger } from './shared/logger.ts';
import { FairPool } from './shared/FairPool.ts';
import { FairTurns } from './shared/FairTurns.ts';
import { HeapWatch, socketsForClients } from './shared/processLimits.ts';
import { Metrics } from './shared/metrics.ts';
import { systemRandom } from './shared/random.ts';

export interface MarketDataServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** How long a stream stays open upstream after the last who wanted it. @default the manager's */
  readonly lingerMs?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

/** WebSocket close code of an end that is not the client's fault, and not an error (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001;

/** The whole gateway: builds every part, owns them all, and closes them in the opposite order. */
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

  /** Resolves once it serves; rejects, with nothing left behind, where the address can't be had. */
  static async start(options: MarketDataServerOptions): Promise<MarketDataServer> {
    await using owned = new AsyncDisposableStack();
    const door = buildDoor(options);
    const services = buildServices(options, door, owned);
    const http = owned.use(buildHttp(options, door, services));
    // The first to end: who waits for a venue's answer is told, before the connections go.
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

  /** Tells every client to go, and ends every connection and timer. May be called again. */
  close(): Promise<void> {
    return this.#parts.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A client that takes nothing of what it is sent for so many heartbeats is cut off. */
const UNREAD_BEATS = 2;
/** Values of answers that are under way at a time: some 80 bytes each while they are made. */
const ANSWER_VALUES = { capacity: 2_000_000, perOwner: 400_000, perAsker: 100_000, free: 2_000 };

/** Who is let in, and how many. */
interface Door {
  readonly proxies: TrustedProxies;
  readonly heap: HeapWatch;
  readonly connections: ClientConnections;
}

function buildDoor({ config, clock = systemClock }: MarketDataServerOptions): Door {
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

function buildServices(options: MarketDataServerOptions, door: Door, owned: AsyncDisposableStack): Services {
  const { config, logger, clock = systemClock } = options;
  const { proxies, heap, connections } = door;
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
    clientOf: (request) => ({ address: countedAddress(request, proxies), secure: isSecure(request, proxies) }),
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
  { config, lingerMs, clock = systemClock }: MarketDataServerOptions,
  parts: Pick<BrokerManagerOptions, 'index' | 'metrics' | 'bus'>,
): BrokerManager {
  const { staleAfterMs } = config.feeds;
  return new BrokerManager({
    ...parts,
    clock,
    staleAfterMs,
    ...(lingerMs === undefined ? {} : { lingerMs }),
  });
}

function buildHttp(options: MarketDataServerOptions, { proxies, connections }: Door, services: Services): HttpServer {
  const { config, logger, version } = options;
  const { clock, manager, metrics } = services;
  const { maxPayloadBytes, compression, allowedOrigins, host, port, shutdownTimeoutMs } = config.server;
  const { graphqlMs, rawMs } = config.heartbeat;
  const graphql = createGraphql({
    services,
    graphql: config.graphql,
    heartbeatMs: graphqlMs,
    maxPayloadBytes,
    compression,
    allowsOrigin: (origin) => isAllowedOrigin({ origin, host: undefined, allowedOrigins }),
  });
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
    unreadTimeoutMs: UNREAD_BEATS * graphqlMs,
    shutdownTimeoutMs,
    clock,
    logger,
  });
  return http;
}

/** Last, so that a port in use is told before any venue is called. */
function addBrokers({ config, logger }: MarketDataServerOptions, { manager, clock, metrics }: Services): void {
  const binanceHosts = new BinanceHosts({ clock, random: systemRandom });
  const oandaBudgets = new OandaBudgets({ clock });
  const { staleAfterMs, reconnect } = config.feeds;
  for (const [id, broker] of Object.entries(config.brokers)) {
    const log = logger.child({ broker: id });
    const surroundings = {
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
    manager.addBroker(defineBroker(broker, surroundings));
  }
}

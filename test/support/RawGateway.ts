import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import type { BrokerSink, BrokerTraits } from '../../src/brokers/BaseBroker.ts';
import { BrokerManager } from '../../src/core/BrokerManager.ts';
import { Queries } from '../../src/core/Queries.ts';
import type { ClientCredentials } from '../../src/core/Broker.ts';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import type { Limits } from '../../src/core/client.ts';
import type { Services } from '../../src/core/Services.ts';
import { Subscriptions } from '../../src/core/Subscriptions.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import type { CompressionSettings } from '../../src/fanout/client/SocketUpgrades.ts';
import { FlushScheduler } from '../../src/fanout/routing/FlushScheduler.ts';
import { TrustedProxies } from '../../src/http/clientAddress.ts';
import { HttpServer } from '../../src/http/HttpServer.ts';
import type { HttpServerOptions } from '../../src/http/HttpServer.ts';
import { RawProtocol } from '../../src/raw/RawProtocol.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import type { Logger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { HeapWatch } from '../../src/shared/processLimits.ts';
import { clientConnections } from './clientConnections.ts';
import { clientServices } from './clientServices.ts';
import { LIMITS } from './limits.ts';
import { brokerContext, ScriptedBroker, TRAITS } from './ScriptedBroker.ts';
import { waitFor } from './waitFor.ts';

export interface BrokerScript {
  readonly lists?: readonly string[];
  readonly traits?: Partial<BrokerTraits>;
  /** Takes clients' credentials: says whether they are right. Each who brings some gets an account of its own. */
  readonly check?: ClientCredentials['check'];
}

export interface RawGatewayOptions {
  readonly brokers?: Readonly<Record<string, BrokerScript>>;
  readonly limits?: Partial<Limits>;
  /** Of the protocol and the HTTP server; the core keeps the real one. */
  readonly clock?: Clock;
  readonly heartbeatMs?: number;
  readonly maxPayloadBytes?: number;
  readonly compression?: CompressionSettings;
  readonly proxies?: TrustedProxies;
  readonly http?: Partial<HttpServerOptions>;
  readonly logger?: Logger;
  readonly auth?: Partial<AuthSettings>;
  /** Whether connections count as safe from listeners. */
  readonly secure?: boolean;
  readonly allowInsecureCredentials?: boolean;
  /** Stands between the protocol and the real services. */
  readonly wrap?: (services: Services) => Services;
}

const DEFAULT_BROKERS: Readonly<Record<string, BrokerScript>> = {
  binance: { lists: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] },
};

/** The real core, HTTP server and raw protocol on a free port, fed by scripted brokers. */
export class RawGateway implements AsyncDisposable {
  readonly metrics = new Metrics();
  readonly manager: BrokerManager;
  readonly services: Services;
  readonly raw: RawProtocol;
  readonly http: HttpServer;
  readonly #brokers = new Map<string, ScriptedBroker>();

  private constructor(options: RawGatewayOptions) {
    const { clock = systemClock, heartbeatMs = 30_000, maxPayloadBytes = 65_536 } = options;
    const { compression = { enabled: false, thresholdBytes: 1_024 } } = options;
    // Writes leave in real turns of the event loop, whatever the fake clock says.
    const scheduler = new FlushScheduler(systemClock);
    const index = new SubscriptionIndex(scheduler);
    const limits = { ...LIMITS, ...options.limits };
    const { proxies = new TrustedProxies([]) } = options;
    const connections = clientConnections({ limits, proxies, clock });
    const heap = new HeapWatch({ clock: systemClock, used: () => 0 });
    const core = { index, clock: systemClock, metrics: this.metrics };
    this.manager = new BrokerManager({ ...core, bus: new MemoryBus(), staleAfterMs: 60_000, lingerMs: 0 });
    for (const [id, script] of Object.entries(options.brokers ?? DEFAULT_BROKERS)) this.#add(id, script);
    const { symbolsPerSubscription } = limits;
    this.services = {
      manager: this.manager,
      subscriptions: new Subscriptions({
        manager: this.manager,
        index,
        clock: systemClock,
        symbolsPerSubscription,
        heap,
      }),
      queries: new Queries(this.manager),
      ...clientServices({
        manager: this.manager,
        scheduler,
        clock,
        connections,
        metrics: this.metrics,
        ...(options.auth === undefined ? {} : { auth: options.auth }),
        ...(options.secure === undefined ? {} : { secure: options.secure }),
        ...(options.allowInsecureCredentials === undefined
          ? {}
          : { allowInsecureCredentials: options.allowInsecureCredentials }),
      }),
      clock,
      logger: options.logger ?? silentLogger(),
      metrics: this.metrics,
      limits,
    };
    this.raw = new RawProtocol({
      services: options.wrap?.(this.services) ?? this.services,
      heartbeatMs,
      maxPayloadBytes,
      compression,
    });
    this.http = new HttpServer({
      host: '127.0.0.1',
      port: 0,
      requestHandlers: new Map(),
      upgradeHandlers: new Map([['/ws', this.raw]]),
      allowedOrigins: [],
      connections,
      unreadTimeoutMs: 2 * heartbeatMs,
      shutdownTimeoutMs: 5_000,
      clock,
      logger: silentLogger(),
      ...options.http,
    });
  }

  static async start(options: RawGatewayOptions = {}): Promise<RawGateway> {
    const gateway = new RawGateway(options);
    await gateway.http.listen();
    return gateway;
  }

  get url(): string {
    return this.http.url;
  }

  /** `oanda mine`: the account that the token `mine` opened there. */
  broker(id = 'binance'): ScriptedBroker {
    const broker = this.#brokers.get(id);
    if (broker === undefined) throw new Error(`no broker ${id}`);
    return broker;
  }

  /** Resolves when the venue is asked for a stream, given as `tick BTCUSDT`. */
  async wanted(name: string, id = 'binance'): Promise<void> {
    await waitFor(() => this.broker(id).wantedNames.some((wanted) => wanted.startsWith(name)), `${name} to be wanted`);
  }

  /** The value of a metric under these labels; 0 where it never moved. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(`tickgraph_${name}`)?.get();
    const found = metric?.values.find(({ labels: has }) =>
      Object.entries(labels).every(([label, value]) => new Map(Object.entries(has)).get(label) === value),
    );
    return found?.value ?? 0;
  }

  /** Resolves when the metric has that value. */
  async settles(name: string, labels: Readonly<Record<string, string>>, value: number): Promise<void> {
    await waitFor(async () => (await this.metric(name, labels)) === value, `${name} to be ${value}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http.close();
    await this.raw.close();
    const { authenticator, logins, sessions } = this.services;
    for (const part of [authenticator, sessions, logins]) part[Symbol.dispose]();
    await this.manager.close();
  }

  #add(id: string, script: BrokerScript): void {
    const { check, traits } = script;
    const make = (name: string, sink: BrokerSink): ScriptedBroker => {
      const broker = new ScriptedBroker(brokerContext(id, sink), traits);
      this.#brokers.set(name, broker);
      begin(broker, script);
      return broker;
    };
    this.manager.addBroker({
      id,
      enabled: true,
      traits: { ...TRAITS, ...traits },
      shared: traits?.requiresAuthentication === true ? null : (sink) => make(id, sink),
      clients:
        check === undefined
          ? null
          : {
              check,
              create: (sink, source) => source.use(({ token }) => make(`${id} ${token}`, sink)),
            },
    });
  }
}

function begin(broker: ScriptedBroker, { lists }: BrokerScript): void {
  if (lists === undefined) broker.unreachable();
  else broker.lists(...lists);
  broker.sink.onStatus({ kind: 'connected' });
}

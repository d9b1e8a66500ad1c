import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import type { BrokerSink, BrokerTraits } from '../../src/brokers/BaseBroker.ts';
import { BrokerManager } from '../../src/core/BrokerManager.ts';
import type { ClientCredentials } from '../../src/core/Broker.ts';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import { Queries } from '../../src/core/Queries.ts';
import type { Limits } from '../../src/core/client.ts';
import type { Services } from '../../src/core/Services.ts';
import { Subscriptions } from '../../src/core/Subscriptions.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from '../../src/fanout/routing/FlushScheduler.ts';
import { createGraphql } from '../../src/graphql/createGraphql.ts';
import type { Graphql, GraphqlOptions } from '../../src/graphql/createGraphql.ts';
import { decimal } from '../../src/market/decimal.ts';
import type { OrderBookDraft, TickDraft, TradeDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { HeapWatch } from '../../src/shared/processLimits.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { clientServices } from './clientServices.ts';
import { LIMITS } from './limits.ts';
import { brokerContext, ScriptedBroker, TRAITS } from './ScriptedBroker.ts';
import { waitFor } from './waitFor.ts';

export interface BrokerScript {
  /** Left out: the venue can't be reached. */
  readonly lists?: readonly string[];
  readonly traits?: Partial<BrokerTraits>;
  /** What the venue says to credentials; those it takes open an account that `broker('<id> <token>')` plays. */
  readonly check?: ClientCredentials['check'];
}

export interface GraphqlGatewayOptions {
  readonly brokers?: Readonly<Record<string, BrokerScript>>;
  readonly limits?: Partial<Limits>;
  /** Of the protocol; the core keeps the real one. */
  readonly clock?: Clock;
  readonly graphql?: Partial<GraphqlOptions['graphql']>;
  readonly auth?: Partial<AuthSettings>;
  readonly idleTimeoutMs?: number;
  /** Whether connections count as safe from listeners. @default true */
  readonly secure?: boolean;
  readonly allowInsecureCredentials?: boolean;
  readonly options?: Partial<
    Pick<GraphqlOptions, 'heartbeatMs' | 'initTimeoutMs' | 'maxPayloadBytes' | 'compression' | 'allowsOrigin'>
  >;
  /** Stands between the protocol and the real services. */
  readonly wrap?: (services: Services) => Services;
}

const DEFAULT_BROKERS = { binance: { lists: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] } };

/** The real core and the GraphQL half on a free port of a plain HTTP server, fed by scripted brokers. */
export class GraphqlGateway implements AsyncDisposable {
  readonly metrics = new Metrics();
  /** Writes leave in real turns of the event loop, whatever the fake clock says. */
  readonly #scheduler = new FlushScheduler(systemClock);
  readonly index = new SubscriptionIndex(this.#scheduler);
  readonly manager: BrokerManager;
  readonly graphql: Graphql;
  readonly services: Services;
  /** What was logged, a JSON object a line. */
  readonly logged: string[] = [];
  readonly #server: Server;
  readonly #brokers = new Map<string, ScriptedBroker>();

  private constructor(options: GraphqlGatewayOptions) {
    const { index, metrics } = this;
    const core = { index, metrics, clock: systemClock };
    this.manager = new BrokerManager({ ...core, bus: new MemoryBus(), staleAfterMs: 60_000, lingerMs: 0 });
    for (const [id, script] of Object.entries(options.brokers ?? DEFAULT_BROKERS)) this.#add(id, script);
    const limits = { ...LIMITS, ...options.limits };
    const { manager } = this;
    const { auth, idleTimeoutMs, secure, allowInsecureCredentials } = options;
    const clock = options.clock ?? systemClock;
    const heap = new HeapWatch({ clock: systemClock, used: () => 0 });
    const services: Services = {
      manager,
      subscriptions: new Subscriptions({
        manager,
        ...core,
        symbolsPerSubscription: limits.symbolsPerSubscription,
        heap,
      }),
      queries: new Queries(manager),
      ...clientServices({
        manager,
        scheduler: this.#scheduler,
        clock,
        metrics,
        ...(auth === undefined ? {} : { auth }),
        ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
        ...(secure === undefined ? {} : { secure }),
        ...(allowInsecureCredentials === undefined ? {} : { allowInsecureCredentials }),
      }),
      clock,
      logger: pino({ level: 'info' }, { write: (line: string) => this.logged.push(line) }),
      metrics,
      limits,
    };
    this.services = services;
    this.graphql = createGraphql({
      services: options.wrap?.(services) ?? services,
      graphql: { introspection: true, graphiql: true, ...options.graphql },
      heartbeatMs: 12_000,
      maxPayloadBytes: 65_536,
      compression: { enabled: false, thresholdBytes: 1_024 },
      ...options.options,
    });
    this.#server = createServer((request, response) => {
      this.graphql.handle(request, response);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.graphql.upgrade(request, socket, head);
    });
  }

  static async start(options: GraphqlGatewayOptions = {}): Promise<GraphqlGateway> {
    const gateway = new GraphqlGateway(options);
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/graphql`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/graphql`;
  }

  broker(id = 'binance'): ScriptedBroker {
    const broker = this.#brokers.get(id);
    if (broker === undefined) throw new Error(`no broker ${id}`);
    return broker;
  }

  /** True once somebody has opened this account. */
  has(id: string): boolean {
    return this.#brokers.has(id);
  }

  /** Resolves when the venue is asked for a stream, given as `tick BTCUSDT`. */
  async wanted(name: string, id = 'binance'): Promise<void> {
    await waitFor(() => this.broker(id).wantedNames.some((wanted) => wanted.startsWith(name)), `${name} to be wanted`);
  }

  tick(bid: string, symbol = 'BTCUSDT', id = 'binance'): void {
    this.broker(id).sink.onEvent(this.broker(id).feed(`tick ${symbol}`), tickDraft(bid));
  }

  trade(id: number, symbol = 'BTCUSDT'): void {
    this.broker().sink.onEvent(this.broker().feed(`trade ${symbol}`), tradeDraft(id));
  }

  book(draft: OrderBookDraft, symbol = 'BTCUSDT'): void {
    this.broker().sink.onEvent(this.broker().feed(`orderbook ${symbol}`), draft);
  }

  /** POSTs a document and gives the response with its parsed body. */
  async post(
    query: string,
    { variables, headers }: { variables?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; headers: Headers; body: GraphqlResponse }> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as GraphqlResponse };
  }

  /** The value of a metric under these labels; 0 where it never moved. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(`tickgraph_${name}`)?.get();
    const found = metric?.values.find((value) => {
      const has = new Map(Object.entries(value.labels));
      const isNamed =
        !('metricName' in value) ||
        String(value.metricName).endsWith(name) ||
        String(value.metricName).endsWith('_count');
      return isNamed && Object.entries(labels).every(([label, wanted]) => has.get(label) === wanted);
    });
    return found?.value ?? 0;
  }

  /** Resolves when the metric has this value. */
  async settles(name: string, labels: Readonly<Record<string, string>>, value: number): Promise<void> {
    await waitFor(async () => (await this.metric(name, labels)) === value, `${name} to be ${value}`);
  }

  /** Resolves when nobody listens to anything any more. */
  async isIdle(): Promise<void> {
    await waitFor(() => this.index.size === 0, 'every interest to be released');
    await waitFor(() => this.manager.openStreams === 0, 'every stream to be closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.graphql.close(1001);
    const { authenticator, logins, sessions } = this.services;
    for (const part of [authenticator, sessions, logins]) part[Symbol.dispose]();
    await this.manager.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #add(id: string, { lists, traits, check }: BrokerScript): void {
    const make = (name: string, sink: BrokerSink): ScriptedBroker => {
      const broker = new ScriptedBroker(brokerContext(id, sink), traits);
      this.#brokers.set(name, broker);
      if (lists === undefined) broker.unreachable();
      else broker.lists(...lists);
      broker.sink.onStatus({ kind: 'connected' });
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
          : { check, create: (sink, source) => source.use(({ token }) => make(`${id} ${token}`, sink)) },
    });
  }
}

export interface GraphqlResponse {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphqlResponseError[];
}

export interface GraphqlResponseError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: Record<string, unknown>;
}

const AT = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));

export function tickDraft(bid: string): TickDraft {
  return {
    type: 'tick',
    time: AT,
    receivedAt: fromEpochMs(Date.now()),
    bid: decimal(bid),
    bidSize: decimal('1'),
    ask: decimal('200000.50'),
    askSize: null,
    last: null,
    mid: decimal('100.15'),
    spread: decimal('0.10'),
  };
}

function tradeDraft(id: number): TradeDraft {
  return {
    type: 'trade',
    time: AT,
    receivedAt: fromEpochMs(Date.now()),
    id: String(id),
    price: decimal('100.15'),
    size: decimal('0.50000'),
    side: 'sell',
  };
}

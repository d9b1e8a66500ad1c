import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import type { BrokerSink, BrokerTraits } from '../../src/brokers/BaseBroker.ts';
import { BrokerManager } from '../../src/core/BrokerManager.ts';
import type { ClientCredentials } from '../../src/core/Broker.ts';
import type { Limits } from '../../src/core/client.ts';
import type { AuthSettings } from '../../src/core/login/ClientLogins.ts';
import { Queries } from '../../src/core/Queries.ts';
import type { Services } from '../../src/core/Services.ts';
import { Subscriptions } from '../../src/core/Subscriptions.ts';
import { FlushScheduler } from '../../src/fanout/routing/FlushScheduler.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import type { ClientConnections } from '../../src/http/ClientConnections.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import type { Logger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { clientServices } from './clientServices.ts';
import { LIMITS } from './limits.ts';
import { brokerContext, ScriptedBroker, TRAITS } from './ScriptedBroker.ts';
import { waitFor } from './waitFor.ts';

export interface BrokerScript {
  /** Without a list, the venue is unreachable. */
  readonly lists?: readonly string[];
  readonly traits?: Partial<BrokerTraits>;
  /** The venue's check of credentials; accepted ones open an account, which `broker('<id> <token>')` plays. */
  readonly check?: ClientCredentials['check'];
}

export interface ScriptedGatewayOptions {
  readonly brokers?: Readonly<Record<string, BrokerScript>>;
  readonly limits?: Partial<Limits>;
  /** The clock of the protocol and the HTTP server; the core keeps the real one. */
  readonly clock?: Clock;
  readonly auth?: Partial<AuthSettings>;
  readonly idleTimeoutMs?: number;
  /** If true, connections count as protected from eavesdroppers. @default true */
  readonly secure?: boolean;
  /** If true, clients count as being on the same machine. @default true */
  readonly local?: boolean;
  readonly allowInsecureCredentials?: boolean;
  /** Replaces the real services, or parts of them, for the protocol. */
  readonly wrap?: (services: Services) => Services;
}

const DEFAULT_BROKERS: Readonly<Record<string, BrokerScript>> = {
  binance: { lists: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] },
};

/** The real core, fed by scripted brokers: the common part of both protocols' test gateways. */
export abstract class ScriptedGateway {
  readonly metrics = new Metrics();
  /** Writes happen at the end of real turns of the event loop, whatever the fake clock says. */
  readonly #scheduler = new FlushScheduler(systemClock);
  readonly index = new SubscriptionIndex(this.#scheduler);
  readonly manager: BrokerManager;
  readonly services: Services;
  readonly #brokers = new Map<string, ScriptedBroker>();

  protected constructor(
    options: ScriptedGatewayOptions & { readonly logger?: Logger; readonly connections?: ClientConnections },
  ) {
    const { index, metrics } = this;
    const core = { index, metrics, clock: systemClock };
    const { brokers = DEFAULT_BROKERS, clock = systemClock, logger = silentLogger() } = options;
    const limits = { ...LIMITS, ...options.limits };
    const { symbolsPerSubscription } = limits;
    const admission = { admitOperation: () => undefined };
    const manager = new BrokerManager({ ...core, bus: new MemoryBus(), staleAfterMs: 60_000, lingerMs: 0 });
    this.manager = manager;
    for (const [id, script] of Object.entries(brokers)) this.#add(id, script);
    this.services = {
      manager,
      subscriptions: new Subscriptions({ ...core, logger, manager, symbolsPerSubscription, admission }),
      queries: new Queries(manager),
      ...clientServices({ ...options, manager, scheduler: this.#scheduler, clock, metrics }),
      clock,
      logger,
      metrics,
      limits,
    };
  }

  /** Returns the broker; `oanda mine` is the account that the token `mine` opened with `oanda`. */
  broker(id = 'binance'): ScriptedBroker {
    const broker = this.#brokers.get(id);
    if (broker === undefined) throw new Error(`no broker ${id}`);
    return broker;
  }

  /** True once a client has opened this account. */
  has(id: string): boolean {
    return this.#brokers.has(id);
  }

  /** Resolves when the venue is asked for a stream, given as `tick BTCUSDT`. */
  async wanted(name: string, id = 'binance'): Promise<void> {
    await waitFor(() => this.broker(id).wantedNames.some((wanted) => wanted.startsWith(name)), `${name} to be wanted`);
  }

  /** Returns the value of a metric with these labels, or 0 if it has never changed. */
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

  /** Closes the parts that the protocol does not own, as the last step of closing a gateway. */
  protected async closeCore(): Promise<void> {
    const { authenticator, logins, sessions } = this.services;
    for (const part of [authenticator, sessions, logins]) part[Symbol.dispose]();
    await this.manager.close();
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

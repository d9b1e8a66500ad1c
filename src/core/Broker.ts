import type { BaseBroker, BrokerSink, BrokerTraits } from '../brokers/BaseBroker.ts';
import type { BrokerCredentials, CredentialSource } from '../market/credentials.ts';
import { SHARED } from '../market/marketData.ts';
import type { Scope, StreamKey } from '../market/marketData.ts';
import type { ProvokedFault } from '../market/mockFault.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { SealedCredentials } from './CredentialVault.ts';
import { BROKER_STATES } from './brokerInfo.ts';
import type { BrokerInfo, BrokerStanding } from './brokerInfo.ts';
import { BrokerAccount } from './BrokerAccount.ts';
import type { BrokerAccountOptions } from './BrokerAccount.ts';
import { OutageLog } from './OutageLog.ts';
import { authenticationRequired } from './routeSymbols.ts';

/** How a broker treats the credentials that clients bring. */
export interface ClientCredentials {
  /**
   * Asks the venue whether it accepts the credentials. Rejects with BROKER_AUTHENTICATION_FAILED if it refuses them,
   * BROKER_UNAVAILABLE if it can't be asked or its answer makes no sense, and BAD_REQUEST if they can't be credentials
   * of this venue.
   */
  check(credentials: BrokerCredentials, signal: AbortSignal): Promise<void>;
  /** Makes an adapter for the client's own account; null if the data is the same for everybody. */
  readonly create: ((sink: BrokerSink, credentials: CredentialSource) => BaseBroker) | null;
}

/** A broker as the configuration describes it. */
export interface BrokerDefinition {
  readonly id: string;
  readonly enabled: boolean;
  readonly traits: BrokerTraits;
  /** Makes the adapter for the account that all clients share; null if each client brings its own. */
  readonly shared: ((sink: BrokerSink) => BaseBroker) | null;
  /** Null if the broker takes no credentials. */
  readonly clients: ClientCredentials | null;
}

export interface BrokerOptions extends Pick<
  BrokerAccountOptions,
  'bus' | 'clock' | 'metrics' | 'staleAfterMs' | 'lingerMs' | 'logger'
> {
  readonly definition: BrokerDefinition;
  readonly metrics: Metrics;
  readonly onChange: () => void;
}

interface ClientAccount {
  readonly broker: BrokerAccount;
  readonly credentials: SealedCredentials;
  holders: number;
}

/** Called if credentials that a client gave mean nothing to the broker any more. */
type OnWorthless = () => void;

const OUT_OF_SERVICE = 'The broker is out of service.';
const REMOVED = 'The broker was removed from the configuration.';
const NEEDS_CREDENTIALS = 'The broker needs your own credentials now: authenticate with it.';

const NO_ACCOUNT: BrokerStanding = {
  state: 'disconnected',
  lastMessageAt: null,
  reason: 'Connects when a client authenticates.',
};

/** One configured broker: its shared account, and the accounts that clients opened with their own credentials. */
export class Broker implements AsyncDisposable {
  #definition: BrokerDefinition;
  readonly #options: BrokerOptions;
  /** Kept while the broker has no shared account any more: whoever subscribed to it may be served again. */
  #shared: BrokerAccount | null;
  readonly #holds = new Set<OnWorthless>();
  readonly #accounts = new Map<Scope, ClientAccount>();
  readonly #outages: OutageLog;
  #enabled: boolean;
  #isRemoved = false;
  #staleAfterMs: number;
  #closed = false;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: BrokerOptions) {
    const { definition } = options;
    this.#options = options;
    this.#definition = definition;
    this.#enabled = definition.enabled;
    this.#staleAfterMs = options.staleAfterMs;
    this.#outages = new OutageLog(options);
    this.#shared = definition.shared === null ? null : this.#manage(SHARED, definition.shared);
    // Every broker has this metric from the start, mock brokers included, which have no connections.
    options.metrics.upstreamConnections.inc({ broker: this.id }, 0);
    this.#count();
  }

  /** Begins to connect if the broker is enabled. Call this once. */
  start(): void {
    this.#shared?.start();
  }

  get definition(): BrokerDefinition {
    return this.#definition;
  }

  get id(): string {
    return this.definition.id;
  }

  /** Its data is made up. */
  get synthetic(): boolean {
    return this.definition.traits.synthetic;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** The broker as a client with this scope sees it (null: the client gave no credentials). */
  info(scope: Scope | null): BrokerInfo {
    const { id, traits } = this.definition;
    const { kind, requiresAuthentication, supportedTypes, synthetic } = traits;
    const standing = this.#account(scope)?.standing ?? NO_ACCOUNT;
    return {
      id,
      kind,
      enabled: this.#enabled,
      requiresAuthentication,
      authenticated: scope !== null,
      supportedTypes: [...supportedTypes, 'status'],
      synthetic,
      ...(this.#enabled ? standing : { ...standing, state: 'disabled', reason: this.#outOfService }),
    };
  }

  /** The account that serves a client with this scope, or null if there is none. */
  serving(scope: Scope | null): BrokerAccount | null {
    return this.#account(scope);
  }

  /**
   * Like `serving`, but throws BROKER_DISABLED or BROKER_AUTHENTICATION_REQUIRED if no account can serve the client.
   */
  require(scope: Scope | null): BrokerAccount {
    if (!this.#enabled) throw new GatewayError('BROKER_DISABLED', `Broker ${this.id} is out of service.`);
    const account = this.#account(scope);
    if (account === null) throw authenticationRequired(this.id);
    return account;
  }

  /**
   * Makes the account that serves a client with this scope misbehave. Throws like `require`, BAD_REQUEST if the data is not made
   * up, and what BrokerAccount.provoke throws.
   */
  async provoke(fault: ProvokedFault, scope: Scope | null): Promise<void> {
    if (!this.synthetic) {
      const message = `Broker ${this.id} has a real venue: only mock brokers misbehave on demand.`;
      throw new GatewayError('BAD_REQUEST', message);
    }
    await this.require(scope).provoke(fault);
  }

  /** The account with exactly this scope, or null. */
  withScope(scope: Scope): BrokerAccount | null {
    return scope === SHARED ? this.#shared : (this.#accounts.get(scope)?.broker ?? null);
  }

  /**
   * Opens the account for credentials that the venue has just accepted, or joins it if it is open already, until
   * disposed of. When the last holder is gone, the account is closed and the credentials are wiped. `onWorthless` is
   * called if the broker's settings change so much that the credentials mean nothing to it any more.
   */
  holdAccount(scope: Scope, credentials: SealedCredentials, onWorthless: OnWorthless): Disposable {
    const create = this.definition.clients?.create ?? null;
    const hold = new DisposableStack();
    const onEnd: OnWorthless = () => {
      onWorthless();
    };
    this.#holds.add(onEnd);
    hold.defer(() => this.#holds.delete(onEnd));
    if (create === null || this.#closed) {
      credentials[Symbol.dispose]();
      return hold;
    }
    const known = this.#accounts.get(scope);
    const account: ClientAccount = known ?? {
      broker: this.#manage(scope, (sink) => create(sink, credentials)),
      credentials,
      holders: 0,
    };
    account.holders += 1;
    if (known === undefined) {
      this.#accounts.set(scope, account);
      account.broker.start();
    } else {
      credentials[Symbol.dispose]();
      known.broker.accepted();
    }
    this.#options.onChange();
    hold.defer(() => {
      this.#letGo(scope, account);
    });
    return hold;
  }

  /** Applies to every account. Subscriptions stay as they are. */
  setEnabled(enabled: boolean): void {
    if (this.#closed || enabled === this.#enabled) return;
    this.#enabled = enabled;
    this.#switchAll();
    this.#changed();
  }

  /**
   * Goes on with other settings: every account is opened anew, and its subscriptions stay. Whether the broker is enabled
   * does not change. Clients' credentials are given up if they mean nothing under the new settings.
   */
  redefine(definition: BrokerDefinition): void {
    if (this.#closed) return;
    const former = this.#definition;
    this.#definition = definition;
    const { shared } = definition;
    if (shared !== null && this.#shared === null) {
      this.#shared = this.#manage(SHARED, shared);
      this.#shared.start();
    } else if (shared !== null) {
      this.#shared?.reopen(shared);
    }
    // A client that loses an account of its own may be served by the shared one.
    if (this.#shared !== null) this.#switch(this.#shared);
    if (!usesSameCredentials(former, definition)) for (const onWorthless of this.#holds) onWorthless();
    const create = definition.clients?.create ?? null;
    for (const { broker, credentials } of this.#accounts.values()) {
      if (create !== null) broker.reopen((sink) => create(sink, credentials));
    }
    this.#switchAll();
    this.#changed();
  }

  /** The broker is not configured any more. Its subscriptions are told, and wait in case that it is restored. */
  remove(): void {
    this.#outages.note({ state: 'disabled', reason: null });
    this.#isRemoved = true;
    this.#enabled = false;
    this.#switchAll();
    this.#changed();
    this.#uncount();
  }

  /** A removed broker is configured again, perhaps in another way. */
  restore(definition: BrokerDefinition): void {
    this.#isRemoved = false;
    this.#enabled = definition.enabled;
    this.redefine(definition);
  }

  /** Nobody has anything of it: no subscription, and no account. */
  get isUnused(): boolean {
    return this.openStreams === 0 && this.#holds.size === 0;
  }

  /** See `feeds.staleAfterMs` of the configuration. */
  set staleAfterMs(staleAfterMs: number) {
    this.#staleAfterMs = staleAfterMs;
    for (const broker of this.#all()) broker.staleAfterMs = staleAfterMs;
  }

  resync(key: StreamKey, reason: string): void {
    for (const broker of this.#all()) broker.resync(key, reason);
  }

  get openStreams(): number {
    return this.#all().reduce((sum, broker) => sum + broker.openStreams, 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#outages[Symbol.dispose]();
    const closed = this.#all().map((broker) => broker.close());
    // Done at once, because another broker may take the id before the last connection has closed.
    this.#uncount();
    await Promise.all([this.#closing, ...closed]);
    for (const { credentials } of this.#accounts.values()) credentials[Symbol.dispose]();
    this.#accounts.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #account(scope: Scope | null): BrokerAccount | null {
    return (scope === null ? undefined : this.#accounts.get(scope)?.broker) ?? this.#serving;
  }

  /** The shared account if the broker has one now. */
  get #serving(): BrokerAccount | null {
    return this.definition.shared === null ? null : this.#shared;
  }

  get #outOfService(): string {
    return this.#isRemoved ? REMOVED : OUT_OF_SERVICE;
  }

  #switchAll(): void {
    for (const account of this.#all()) this.#switch(account);
  }

  #switch(account: BrokerAccount): void {
    const isLeft = account === this.#shared && this.#serving === null;
    account.setEnabled(this.#enabled && !isLeft, this.#enabled ? NEEDS_CREDENTIALS : this.#outOfService);
  }

  #all(): BrokerAccount[] {
    const accounts = [...this.#accounts.values()].map(({ broker }) => broker);
    return this.#shared === null ? accounts : [this.#shared, ...accounts];
  }

  #manage(scope: Scope, create: (sink: BrokerSink) => BaseBroker): BrokerAccount {
    const { definition: _definition, ...options } = this.#options;
    return new BrokerAccount({
      ...options,
      staleAfterMs: this.#staleAfterMs,
      id: this.id,
      scope,
      enabled: this.#enabled,
      create,
      onChange: () => {
        this.#changed();
      },
      onWanted: () => {
        this.#countStreams();
      },
    });
  }

  #letGo(scope: Scope, account: ClientAccount): void {
    account.holders -= 1;
    if (account.holders > 0 || this.#accounts.get(scope) !== account) return;
    this.#accounts.delete(scope);
    const closed = account.broker.close().finally(() => {
      account.credentials[Symbol.dispose]();
    });
    this.#closing = Promise.all([this.#closing, closed]).then(() => undefined);
    this.#changed();
  }

  #changed(): void {
    this.#count();
    this.#options.onChange();
  }

  /**
   * The metric shows the shared account, or the first account of a client if there is none, so that its cardinality
   * stays fixed.
   */
  #count(): void {
    if (this.#isRemoved) return;
    const first = this.#serving ?? [...this.#accounts.values()].at(0)?.broker;
    const standing = first?.standing ?? NO_ACCOUNT;
    const state = this.#enabled ? standing.state : 'disabled';
    if (first !== undefined && !this.#closed) this.#logStanding(first, { ...standing, state });
    for (const each of BROKER_STATES) {
      this.#options.metrics.brokerState.set({ broker: this.id, state: each }, each === state ? 1 : 0);
    }
    this.#countStreams();
  }

  /** A fault of a client's own account concerns that client alone, unless the venue itself is away. */
  #logStanding(account: BrokerAccount, standing: BrokerStanding): void {
    if (!account.hasStarted || (standing.state === 'degraded' && account !== this.#shared)) return;
    this.#outages.note(standing);
  }

  /** The sum over all accounts. */
  #countStreams(): void {
    if (this.#isRemoved) return;
    this.#options.metrics.upstreamStreams.set({ broker: this.id }, this.#enabled ? this.openStreams : 0);
  }

  #uncount(): void {
    const { brokerState, upstreamStreams } = this.#options.metrics;
    for (const state of BROKER_STATES) brokerState.remove({ broker: this.id, state });
    upstreamStreams.remove({ broker: this.id });
  }
}

/** Credentials of another kind of broker are none, and what they were asked for decides whose data a client gets. */
function usesSameCredentials(before: BrokerDefinition, after: BrokerDefinition): boolean {
  const opensAccounts = ({ clients }: BrokerDefinition): boolean => (clients?.create ?? null) !== null;
  return before.traits.kind === after.traits.kind && opensAccounts(before) === opensAccounts(after);
}

import type { BaseBroker, BrokerSink, BrokerTraits } from '../brokers/BaseBroker.ts';
import type { BrokerCredentials, CredentialSource } from '../market/credentials.ts';
import { SHARED } from '../market/streamKey.ts';
import type { Scope, StreamKey } from '../market/streamKey.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { SealedCredentials } from './CredentialVault.ts';
import { BROKER_STATES } from './brokerInfo.ts';
import type { BrokerInfo, BrokerStanding } from './brokerInfo.ts';
import { BrokerAccount } from './BrokerAccount.ts';
import type { BrokerAccountOptions } from './BrokerAccount.ts';
import { authenticationRequired } from './routeSymbols.ts';

/** How a broker deals with the credentials that clients bring. */
export interface ClientCredentials {
  /**
   * Asks the venue. Rejects with BROKER_AUTHENTICATION_FAILED where it refuses them, BROKER_UNAVAILABLE where it can't be
   * asked or answers nonsense, BAD_REQUEST where they can't be credentials of this venue.
   */
  check(credentials: BrokerCredentials, signal: AbortSignal): Promise<void>;
  /** An account of the client's own; null where the data is the same whoever asks. */
  readonly create: ((sink: BrokerSink, credentials: CredentialSource) => BaseBroker) | null;
}

/** A broker as configured. */
export interface BrokerDefinition {
  readonly id: string;
  readonly enabled: boolean;
  readonly traits: BrokerTraits;
  /** The one account that serves every client; null where each brings its own. */
  readonly shared: ((sink: BrokerSink) => BaseBroker) | null;
  /** Null where the broker takes no credentials. */
  readonly clients: ClientCredentials | null;
}

export interface BrokerOptions extends Pick<
  BrokerAccountOptions,
  'bus' | 'clock' | 'metrics' | 'staleAfterMs' | 'lingerMs'
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

const NO_ACCOUNT: BrokerStanding = {
  state: 'disconnected',
  lastMessageAt: null,
  reason: 'Connects when a client authenticates.',
};

/** One broker of the configuration: the shared account and those that clients opened with credentials of their own. */
export class Broker implements AsyncDisposable {
  readonly definition: BrokerDefinition;
  readonly #options: BrokerOptions;
  readonly #shared: BrokerAccount | null;
  readonly #accounts = new Map<Scope, ClientAccount>();
  #enabled: boolean;
  #closed = false;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: BrokerOptions) {
    const { definition } = options;
    this.#options = options;
    this.definition = definition;
    this.#enabled = definition.enabled;
    this.#shared = definition.shared === null ? null : this.#manage(SHARED, definition.shared);
    // Told from the start, and of mock brokers too, which have none.
    options.metrics.upstreamConnections.inc({ broker: this.id }, 0);
    this.#count();
  }

  /** Where it is enabled, begins to connect. To be called once. */
  start(): void {
    this.#shared?.start();
  }

  get id(): string {
    return this.definition.id;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** What a client with this scope (null: none of its own) is told. */
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
      ...(this.#enabled ? standing : { ...standing, state: 'disabled', reason: 'The broker is out of service.' }),
    };
  }

  /** The account that serves a client with this scope; null where there is none for it. */
  serving(scope: Scope | null): BrokerAccount | null {
    return this.#account(scope);
  }

  /** As `serving`, but throws BROKER_DISABLED and BROKER_AUTHENTICATION_REQUIRED. */
  require(scope: Scope | null): BrokerAccount {
    if (!this.#enabled) throw new GatewayError('BROKER_DISABLED', `Broker ${this.id} is out of service.`);
    const account = this.#account(scope);
    if (account === null) throw authenticationRequired(this.id);
    return account;
  }

  /** The account with exactly this scope. */
  withScope(scope: Scope): BrokerAccount | null {
    return scope === SHARED ? this.#shared : (this.#accounts.get(scope)?.broker ?? null);
  }

  /**
   * Opens the account of these credentials, which the venue has just accepted, or joins those who hold it already, until
   * disposed of: with the last of them it is closed, and the credentials are wiped.
   */
  holdAccount(scope: Scope, credentials: SealedCredentials): Disposable {
    const create = this.definition.clients?.create ?? null;
    if (create === null || this.#closed) {
      credentials[Symbol.dispose]();
      return { [Symbol.dispose]: () => undefined };
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
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#letGo(scope, account);
        held = false;
      },
    };
  }

  /** For every account; what is subscribed stays subscribed. */
  setEnabled(enabled: boolean): void {
    if (this.#closed || enabled === this.#enabled) return;
    this.#enabled = enabled;
    for (const broker of this.#all()) broker.setEnabled(enabled);
    this.#changed();
  }

  resync(key: StreamKey, reason: string): void {
    for (const broker of this.#all()) broker.resync(key, reason);
  }

  get openStreams(): number {
    return this.#all().reduce((sum, broker) => sum + broker.openStreams, 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closed = this.#all().map((broker) => broker.close());
    // At once: another broker may take the id before the last connection of this one has ended.
    this.#uncount();
    await Promise.all([this.#closing, ...closed]);
    for (const { credentials } of this.#accounts.values()) credentials[Symbol.dispose]();
    this.#accounts.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #account(scope: Scope | null): BrokerAccount | null {
    return (scope === null ? undefined : this.#accounts.get(scope)?.broker) ?? this.#shared;
  }

  #all(): BrokerAccount[] {
    const accounts = [...this.#accounts.values()].map(({ broker }) => broker);
    return this.#shared === null ? accounts : [this.#shared, ...accounts];
  }

  #manage(scope: Scope, create: (sink: BrokerSink) => BaseBroker): BrokerAccount {
    const { definition: _definition, ...options } = this.#options;
    return new BrokerAccount({
      ...options,
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

  /** Of the shared account, or of those that clients opened where there is none: the same small set whoever there is. */
  #count(): void {
    const [first] = this.#all();
    const state = this.#enabled ? (first?.standing ?? NO_ACCOUNT).state : 'disabled';
    for (const each of BROKER_STATES) {
      this.#options.metrics.brokerState.set({ broker: this.id, state: each }, each === state ? 1 : 0);
    }
    this.#countStreams();
  }

  /** Of all accounts together. */
  #countStreams(): void {
    this.#options.metrics.upstreamStreams.set({ broker: this.id }, this.#enabled ? this.openStreams : 0);
  }

  #uncount(): void {
    const { brokerState, upstreamStreams } = this.#options.metrics;
    for (const state of BROKER_STATES) brokerState.remove({ broker: this.id, state });
    upstreamStreams.remove({ broker: this.id });
  }
}

import type { BrokerCredentials } from '../market/credentials.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { CredentialVault } from './CredentialVault.ts';
import type { ClientCredentials, Broker } from './Broker.ts';
import { AttemptGate } from './login/AttemptGate.ts';
import type { ClientAddress } from './client.ts';
import { refusePlainText } from './client.ts';
import type { Session, Sessions } from './Sessions.ts';

export interface BrokerAuthenticatorOptions {
  readonly manager: BrokerManager;
  readonly sessions: Sessions;
  readonly vault: CredentialVault;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `server.allowInsecureCredentials`. */
  readonly allowInsecure: boolean;
}

/** Credentials for a broker, and the session and client that bring them. */
export interface AuthenticationRequest {
  readonly broker: string;
  readonly credentials: BrokerCredentials;
  readonly session: Session;
  readonly client: ClientAddress;
}

/** The session that holds the accepted credentials. */
export interface BrokerAuthenticated {
  readonly broker: string;
  /** A secret token: whoever has it may use what the credentials give access to. */
  readonly session: string;
  readonly expiresAt: Timestamp;
}

/** How long the check of credentials at a venue may take. */
const CHECK_TIMEOUT_MS = 15_000;
const MAX_CREDENTIAL_LENGTH = 8_192;

/**
 * Accepts clients' own credentials for brokers: the venue is asked first, and only then the session holds the account
 * that they open. When it is disposed of, checks that are running are rejected, and nothing is opened any more.
 */
export class BrokerAuthenticator implements Disposable {
  readonly #options: BrokerAuthenticatorOptions;
  readonly #attempts: AttemptGate;
  readonly #closing = new AbortController();

  constructor(options: BrokerAuthenticatorOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#attempts = new AttemptGate(clock, (address) => {
      logger.warn({ address }, 'venues refused ten credentials of an address within a minute; it has to wait');
    });
  }

  /**
   * Rejects with UNKNOWN_BROKER, BROKER_DISABLED, BAD_REQUEST, BROKER_AUTHENTICATION_FAILED (the venue refused them),
   * BROKER_UNAVAILABLE (the venue can't be asked, its answer makes no sense, the broker's settings have changed
   * meanwhile, or this is disposed of), RATE_LIMITED, FORBIDDEN (over plain text from another machine), and like `Sessions.hold`. Then the session keeps what it held for
   * the broker before.
   */
  async authenticate({
    broker: id,
    credentials,
    session,
    client,
  }: AuthenticationRequest): Promise<BrokerAuthenticated> {
    const { allowInsecure, sessions } = this.#options;
    refusePlainText(client, allowInsecure);
    const broker = this.#options.manager.configured(id);
    if (!broker.enabled) throw new GatewayError('BROKER_DISABLED', `Broker ${id} is out of service.`);
    checkLengths(credentials);
    const { definition } = broker;
    await this.#check(broker, credentials, client);
    this.#closing.signal.throwIfAborted();
    // Another venue may be meant now than the one that was asked.
    if (this.#options.manager.configured(id).definition !== definition) throw settingsChanged(id);
    this.#hold(broker, credentials, session);
    return { broker: id, session: session.token, expiresAt: fromEpochMs(sessions.expiresAtMs()) };
  }

  /** Returns false if the session held nothing for the broker. Throws UNKNOWN_BROKER. */
  deauthenticate(broker: string, session: Session): boolean {
    // A broker that was removed meanwhile may still hold something.
    if (session.giveUp(broker)) return true;
    this.#options.manager.configured(broker);
    return false;
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new GatewayError('BROKER_UNAVAILABLE', 'The gateway is shutting down; connect again.'));
    this.#attempts[Symbol.dispose]();
  }

  async #check(broker: Broker, credentials: BrokerCredentials, client: ClientAddress): Promise<void> {
    const { clients } = broker.definition;
    if (clients === null) {
      throw new GatewayError('BAD_REQUEST', `Broker ${broker.id} takes no credentials: it serves everybody.`);
    }
    const refusal = await this.#attempts.run(
      client.address,
      () => this.#ask(clients, credentials),
      (outcome) => outcome?.code === 'BROKER_AUTHENTICATION_FAILED',
    );
    if (refusal !== null) throw refusal;
  }

  /** Returns null if the venue accepts the credentials, otherwise the error. */
  async #ask(clients: ClientCredentials, credentials: BrokerCredentials): Promise<GatewayError | null> {
    const patience = new AbortController();
    using _timer = this.#options.clock.after(CHECK_TIMEOUT_MS, () => {
      patience.abort(new GatewayError('BROKER_UNAVAILABLE', 'The venue did not answer in time; try again later.'));
    });
    const signal = AbortSignal.any([this.#closing.signal, patience.signal]);
    try {
      signal.throwIfAborted();
      await clients.check(credentials, signal);
      return null;
    } catch (error) {
      return GatewayError.from(signal.aborted ? signal.reason : error);
    }
  }

  #hold(broker: Broker, credentials: BrokerCredentials, session: Session): void {
    const { vault, sessions } = this.#options;
    const scope = vault.scopeOf(broker.id, credentials);
    const hold = broker.holdAccount(scope, vault.seal(credentials, `${broker.id} ${scope}`), () => {
      session.giveUp(broker.id);
    });
    sessions.hold(session, broker.id, { scope, hold });
  }
}

function settingsChanged(id: string): GatewayError {
  const message = `The settings of broker ${id} have just changed: send your credentials again.`;
  return new GatewayError('BROKER_UNAVAILABLE', message);
}

function checkLengths(credentials: BrokerCredentials): void {
  for (const [name, value] of Object.entries(credentials)) {
    if (value !== null && (value === '' || value.length > MAX_CREDENTIAL_LENGTH)) {
      throw new GatewayError('BAD_REQUEST', `credentials.${name}: expected 1 to ${MAX_CREDENTIAL_LENGTH} characters.`);
    }
  }
}

import type { IncomingMessage } from 'node:http';
import type { BrokerAuthenticated } from '../core/BrokerAuthenticator.ts';
import type { Limits } from '../core/Limits.ts';
import type { LoggedIn } from '../core/login/ApiKeyRing.ts';
import { limitsOf } from '../core/login/limitsOf.ts';
import { LoginTerm } from '../core/login/LoginTerm.ts';
import { evidenceFromHeaders } from '../core/login/loginEvidence.ts';
import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import { ANONYMOUS, samePrincipal } from '../core/Principal.ts';
import type { ClientAddress } from '../core/ClientAddress.ts';
import { refusePlainText } from '../core/refusePlainText.ts';
import type { Services } from '../core/Services.ts';
import { NO_ACCESS } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { askerOf } from '../core/askerOf.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { GatewayError } from '../shared/errors.ts';
import { ClientAccess } from './ClientAccess.ts';
import type { ClientLogin } from './messages.ts';

/** What the connection does when time is up. */
export interface LoginNotices {
  readonly endsSoon: (expiresAt: Timestamp) => void;
  /** The client may not stay: its login has ended, or it never brought one. */
  readonly over: (reason: string) => void;
}

/** What a client is told when it has logged in. */
export interface LoginOutcome {
  /** Only of a session that was resumed. */
  readonly session?: string;
  /** Of the session where there is one, else of the login; left out where that does not end by itself. */
  readonly expiresAt?: Timestamp;
  readonly message: string;
}

/** Whoever must log in and has not brought a login with the handshake has this long to do so. */
const LOG_IN_WITHIN_MS = 10_000;
const NO_PLACE: Disposable = { [Symbol.dispose]: () => undefined };

/**
 * Who one client is: its login to the gateway, the limits that come with it, and the session that holds what it gave the
 * brokers. Keeps nothing of what a login was made with. Owned by its ClientConnection.
 */
export class ClientIdentity implements Disposable {
  readonly access: ClientAccess;
  readonly #services: Services;
  readonly #client: ClientAddress;
  /** Null: it must log in, and has not yet. */
  #login: LoggedIn | null;
  #asker: Asker;
  #place: Disposable;
  /** From `begin` on. */
  #term: LoginTerm | null = null;
  /** Where there was no login then. */
  #patience: Disposable | null = null;
  #gone = false;

  private constructor(services: Services, client: ClientAddress, login: LoggedIn | null) {
    this.#services = services;
    this.#client = client;
    this.#login = login;
    this.#asker = askerOf(login?.principal ?? ANONYMOUS, client);
    this.#place = login === null ? NO_PLACE : services.keyConnections.take(login, client);
    this.access = new ClientAccess(services.sessions.begin(login?.principal ?? ANONYMOUS, this.#asker));
  }

  /**
   * Who asks for this upgrade, by its headers; without a login there it may still log in. Rejects with UNAUTHENTICATED,
   * RATE_LIMITED, LIMIT_EXCEEDED, FORBIDDEN (over plain text from afar), BAD_REQUEST.
   */
  static async of(request: IncomingMessage, services: Services): Promise<ClientIdentity> {
    const { clientOf, logins } = services;
    const client = clientOf(request);
    const evidence = evidenceFromHeaders(request.headers);
    if (evidence === null && logins.required) return new ClientIdentity(services, client, null);
    if (evidence !== null) refusePlainText(client, services.allowInsecureCredentials);
    return new ClientIdentity(services, client, await logins.verify(evidence, client.address));
  }

  /** Whose share of the gateway's work this connection takes. */
  get asker(): Asker {
    return this.#asker;
  }

  get mustLogIn(): boolean {
    return this.#login === null;
  }

  /** To be asked at each use: they change with the login. */
  get limits(): Limits {
    return limitsOf(this.#login?.limits ?? null, this.#services.limits);
  }

  /** From now on the end of the login, or of the patience for one, is told. To be called once. */
  begin({ endsSoon, over }: LoginNotices): void {
    const { clock } = this.#services;
    this.#term = new LoginTerm({
      principal: this.#login?.principal ?? ANONYMOUS,
      clock,
      onNotice: (endsAtMs) => {
        endsSoon(fromEpochMs(endsAtMs));
      },
      onEnd: () => {
        over('Your login has ended; connect again with a new one.');
      },
    });
    if (this.#login !== null) return;
    this.#patience = clock.after(LOG_IN_WITHIN_MS, () => {
      over(`Nobody logged in within ${LOG_IN_WITHIN_MS / 1_000} seconds.`);
    });
  }

  /**
   * Logs in, renews the login, or takes a former session up. Rejects as `of`; then everything stays as it was. Another's
   * login is FORBIDDEN.
   */
  async logIn(login: ClientLogin): Promise<LoginOutcome> {
    refusePlainText(this.#client, this.#services.allowInsecureCredentials);
    return login.kind === 'session' ? this.#resume(login.session) : this.#verify(login);
  }

  /** As BrokerAuthenticator, for the session of this client. */
  authenticate(broker: string, credentials: BrokerCredentials): Promise<BrokerAuthenticated> {
    const { session } = this.access;
    return this.#services.authenticator.authenticate({ broker, credentials, session, client: this.#client });
  }

  [Symbol.dispose](): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#patience?.[Symbol.dispose]();
    this.#term?.[Symbol.dispose]();
    this.#place[Symbol.dispose]();
    this.access[Symbol.dispose]();
  }

  async #verify(evidence: LoginEvidence): Promise<LoginOutcome> {
    const login = await this.#services.logins.verify(evidence, this.#client.address);
    if (this.#gone) throw new GatewayError('UNAUTHENTICATED', 'The client has left.');
    this.#become(login);
    const { principal } = login;
    if (principal.kind === 'anonymous') return { message: 'This gateway asks nobody to log in.' };
    const message = 'You are logged in.';
    return principal.kind === 'jwt' ? { expiresAt: fromEpochMs(principal.expiresAtMs), message } : { message };
  }

  #become(login: LoggedIn): void {
    const before = this.#login?.principal ?? ANONYMOUS;
    if (this.#login === null || !samePrincipal(before, login.principal)) {
      if (before.kind !== 'anonymous') throw new GatewayError('FORBIDDEN', ANOTHERS);
      if (this.access.session.holdsCredentials) throw new GatewayError('FORBIDDEN', TOO_LATE);
      this.#place = this.#services.keyConnections.take(login, this.#client);
      this.#asker = askerOf(login.principal, this.#client);
      this.#move(this.#services.sessions.begin(login.principal, this.#asker));
    }
    this.#login = login;
    this.#patience?.[Symbol.dispose]();
    this.#term?.renew(login.principal);
  }

  #resume(token: string): LoginOutcome {
    const { sessions } = this.#services;
    if (this.#login === null) throw logInFirst();
    this.#move(sessions.resume(token, this.#login.principal));
    return { session: token, expiresAt: fromEpochMs(sessions.expiresAtMs()), message: 'The session is resumed.' };
  }

  #move(use: Parameters<ClientAccess['move']>[0]): void {
    const brokers = this.#services.manager.brokers(NO_ACCESS).map(({ id }) => id);
    this.access.move(use, brokers);
  }
}

const ANOTHERS = 'This connection is logged in as somebody else: connect anew for another login.';
const TOO_LATE = 'Log in before you give brokers your credentials: connect anew, and log in first.';

export function logInFirst(): GatewayError {
  return new GatewayError(
    'UNAUTHENTICATED',
    'Log in first: {"action":"auth","credentials":{"token":"…"}}, or with "apiKey" in place of "token".',
  );
}

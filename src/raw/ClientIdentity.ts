import type { IncomingMessage } from 'node:http';
import type { BrokerAuthenticated } from '../core/BrokerAuthenticator.ts';
import type { LoggedIn } from '../core/login/ApiKeyRing.ts';
import { evidenceFromHeaders } from '../core/login/loginEvidence.ts';
import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import { whenLoginEnds } from '../core/login/whenLoginEnds.ts';
import { ANONYMOUS, samePrincipal } from '../core/Principal.ts';
import type { ClientAddress } from '../core/ClientAddress.ts';
import type { Services } from '../core/Services.ts';
import { NO_ACCESS } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { GatewayError } from '../shared/errors.ts';
import { ClientAccess } from './ClientAccess.ts';
import { ClientLimits } from './ClientLimits.ts';
import type { ClientLogin } from './messages.ts';
import { whenLoginEndsSoon } from './whenLoginEndsSoon.ts';

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
  readonly limits: ClientLimits;
  readonly #services: Services;
  readonly #client: ClientAddress;
  /** Null: it must log in, and has not yet. */
  #login: LoggedIn | null;
  #place: Disposable;
  #notices: LoginNotices | null = null;
  #timers: readonly Disposable[] = [];
  #gone = false;

  private constructor(services: Services, client: ClientAddress, login: LoggedIn | null) {
    this.#services = services;
    this.#client = client;
    this.#login = login;
    this.#place = login === null ? NO_PLACE : services.keyConnections.take(login);
    this.limits = new ClientLimits(services.limits, login?.limits ?? null);
    this.access = new ClientAccess(services.sessions.begin(login?.principal ?? ANONYMOUS));
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
    if (evidence !== null) refuseOverPlainText(client, services);
    return new ClientIdentity(services, client, await logins.verify(evidence, client.address));
  }

  get mustLogIn(): boolean {
    return this.#login === null;
  }

  /** From now on the end of the login, or of the patience for one, is told. */
  begin(notices: LoginNotices): void {
    this.#notices = notices;
    this.#schedule();
  }

  /**
   * Logs in, renews the login, or takes a former session up. Rejects as `of`; then everything stays as it was. Another's
   * login is FORBIDDEN.
   */
  async logIn(login: ClientLogin): Promise<LoginOutcome> {
    refuseOverPlainText(this.#client, this.#services);
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
    this.#unschedule();
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
      this.#place = this.#services.keyConnections.take(login);
      this.#move(this.#services.sessions.begin(login.principal));
    }
    this.#login = login;
    this.limits.own = login.limits;
    this.#schedule();
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

  #schedule(): void {
    this.#unschedule();
    const { clock } = this.#services;
    const notices = this.#notices;
    if (notices === null) return;
    if (this.#login === null) {
      this.#timers = [
        clock.after(LOG_IN_WITHIN_MS, () => {
          notices.over(`Nobody logged in within ${LOG_IN_WITHIN_MS / 1_000} seconds.`);
        }),
      ];
      return;
    }
    const { principal } = this.#login;
    this.#timers = [
      whenLoginEndsSoon(principal, clock, notices.endsSoon),
      whenLoginEnds(principal, clock, () => {
        notices.over('Your login has ended; connect again with a new one.');
      }),
    ];
  }

  #unschedule(): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers = [];
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

function refuseOverPlainText({ secure }: ClientAddress, { allowInsecureCredentials }: Services): void {
  if (secure || allowInsecureCredentials) return;
  throw new GatewayError(
    'FORBIDDEN',
    'Logins are not taken over plain text from afar: use TLS (wss) in front of the gateway.',
  );
}

import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Scope } from '../market/marketData.ts';
import { ANONYMOUS, askerOf, refusePlainText, samePrincipal } from './client.ts';
import type { ClientAddress, Limits, Principal } from './client.ts';
import type { LoggedIn } from './login/apiKeys.ts';
import { limitsOf } from './login/apiKeys.ts';
import type { LoginEvidence } from './login/loginEvidence.ts';
import { LoginExpiry } from './login/LoginExpiry.ts';
import type { Services } from './Services.ts';
import type { ScopeListener, Session, SessionUse } from './Sessions.ts';
import type { BrokerAccess } from './subscription.ts';

/** A client that wants to be admitted. */
export interface ClientAdmission {
  readonly services: Services;
  readonly address: ClientAddress;
  /** The client's login; null if it brings none. */
  readonly evidence: LoginEvidence | null;
  /** The token of a session that the client had before; null if it begins a new one. */
  readonly sessionToken: string | null;
}

/** A connection is notified of these changes of its client's login. */
export interface LoginNotices {
  /** Called shortly before the login ends, with its end in wall milliseconds. Null if nobody needs to know. */
  readonly endsSoon: ((endsAtMs: number) => void) | null;
  /** Called when the login has ended and is no longer accepted. */
  readonly ended: () => void;
}

/**
 * A client of either protocol, from its admission until it is disposed of: who it is, its limits, and the session that
 * holds its credentials for brokers. Its login and its session may change while it is connected.
 */
export class ConnectedClient implements Disposable {
  readonly address: ClientAddress;
  /** The brokers that the client may use, with whichever session it has. */
  readonly access: ClientAccess;
  readonly #services: Services;
  /** Null while the client still has to log in. */
  #login: LoggedIn | null;
  #asker: Asker;
  /** The client's place among the connections of its API key; null if it has none. */
  #place: Disposable | null = null;
  #expiry: LoginExpiry | null = null;
  /** Called when the login has ended. Null as long as nobody watches it. */
  #onEnd: (() => void) | null = null;
  /** Follows the API key that the client is logged in with. */
  #key: Disposable | null = null;
  #isGone = false;

  private constructor(services: Services, address: ClientAddress, login: LoggedIn | null, sessionToken: string | null) {
    const principal = login?.principal ?? ANONYMOUS;
    this.address = address;
    this.#services = services;
    this.#login = login;
    this.#asker = askerOf(principal, address);
    const { sessions } = services;
    this.access = new ClientAccess(
      sessionToken === null ? sessions.begin(principal, this.#asker) : sessions.resume(sessionToken, principal),
    );
  }

  /**
   * Rejects with UNAUTHENTICATED (a login is required and missing, wrong, or there is no such session), FORBIDDEN
   * (secrets over plain text from another machine) and RATE_LIMITED.
   */
  static async admit({ services, address, evidence, sessionToken }: ClientAdmission): Promise<ConnectedClient> {
    if (evidence !== null || sessionToken !== null) refusePlainText(address, services.allowInsecureCredentials);
    return new ConnectedClient(
      services,
      address,
      await services.logins.verify(evidence, address.address),
      sessionToken,
    );
  }

  /** A client that still has to log in. */
  static stranger(services: Services, address: ClientAddress): ConnectedClient {
    return new ConnectedClient(services, address, null, null);
  }

  get mustLogIn(): boolean {
    return this.#login === null;
  }

  get principal(): Principal {
    return this.#login?.principal ?? ANONYMOUS;
  }

  get session(): Session {
    return this.access.session;
  }

  /** The party whose share of the gateway's work this connection uses. */
  get asker(): Asker {
    return this.#asker;
  }

  /** Read these at each use: they change with the login. */
  get limits(): Limits {
    return limitsOf(this.#login?.limits ?? null, this.#services.limits);
  }

  /** Counts the client as a connection of its API key. Throws LIMIT_EXCEEDED. */
  takePlace(): void {
    if (this.#login !== null) this.#place = this.#services.keyConnections.take(this.#login, this.address);
  }

  /** Reports the end of the login from now on. Call this once. */
  watchLogin({ endsSoon, ended }: LoginNotices): void {
    const { principal } = this;
    this.#expiry = new LoginExpiry({ principal, clock: this.#services.clock, onNotice: endsSoon, onEnd: ended });
    this.#onEnd = ended;
    this.#followKey();
  }

  /**
   * Logs in, or renews the login. Rejects with UNAUTHENTICATED, RATE_LIMITED, LIMIT_EXCEEDED, and with FORBIDDEN if the
   * client is already logged in as somebody else; then nothing changes.
   */
  async logIn(evidence: LoginEvidence): Promise<Principal> {
    const login = await this.#verify(evidence);
    if (this.#isGone) throw new GatewayError('UNAUTHENTICATED', 'The client has left.');
    if (this.#login === null || !samePrincipal(this.principal, login.principal)) this.#become(login);
    this.#login = login;
    this.#expiry?.renew(login.principal);
    this.#followKey();
    return login.principal;
  }

  /**
   * Like `logIn`, but for the same principal only. Resolves with the end of the login in wall milliseconds, or null if
   * it has none.
   */
  async renewLogin(token: string): Promise<number | null> {
    if (this.#expiry === null) {
      throw new GatewayError('BAD_REQUEST', 'Over HTTP there is no login to renew: each request brings its own.');
    }
    const login = await this.#verify({ kind: 'token', token });
    const { principal } = login;
    if (!samePrincipal(principal, this.principal)) {
      throw new GatewayError('FORBIDDEN', 'This token is another client’s: connect anew to log in with it.');
    }
    this.#login = login;
    this.#expiry.renew(principal);
    return principal.kind === 'jwt' ? principal.expiresAtMs : null;
  }

  /** Replaces the client's session with one that it had before. Throws UNAUTHENTICATED. */
  resume(sessionToken: string): void {
    refusePlainText(this.address, this.#services.allowInsecureCredentials);
    this.#move(this.#services.sessions.resume(sessionToken, this.principal));
  }

  [Symbol.dispose](): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#expiry?.[Symbol.dispose]();
    this.#key?.[Symbol.dispose]();
    this.#place?.[Symbol.dispose]();
    this.access[Symbol.dispose]();
  }

  #verify(evidence: LoginEvidence): Promise<LoggedIn> {
    const { allowInsecureCredentials, logins } = this.#services;
    // A login that nobody checks is of no use to an eavesdropper here.
    if (logins.areChecked) refusePlainText(this.address, allowInsecureCredentials);
    return logins.verify(evidence, this.address.address);
  }

  #followKey(): void {
    this.#key?.[Symbol.dispose]();
    this.#key = null;
    const [login, revoked] = [this.#login, this.#onEnd];
    if (login === null || revoked === null) return;
    const changed = (next: LoggedIn): void => {
      this.#login = next;
    };
    this.#key = this.#services.logins.watch(login, { changed, revoked });
  }

  #become(login: LoggedIn): void {
    if (this.principal.kind !== 'anonymous') throw new GatewayError('FORBIDDEN', SOMEBODY_ELSE);
    if (this.session.holdsCredentials) throw new GatewayError('FORBIDDEN', TOO_LATE);
    const { keyConnections, sessions } = this.#services;
    this.#place = keyConnections.take(login, this.address);
    this.#asker = askerOf(login.principal, this.address);
    this.#move(sessions.begin(login.principal, this.#asker));
  }

  #move(use: SessionUse): void {
    this.access.move(use, this.#services.manager.ids);
  }
}

const SOMEBODY_ELSE = 'This connection is logged in as somebody else: connect anew for another login.';
const TOO_LATE = 'Log in before you give brokers your credentials: connect anew, and log in first.';

/** The brokers that one connection may use: those that its current session holds credentials for. */
class ClientAccess implements BrokerAccess, Disposable {
  readonly #listeners = new Set<ScopeListener>();
  #use: SessionUse;
  #watching: Disposable;

  constructor(use: SessionUse) {
    this.#use = use;
    this.#watching = this.#follow(use);
  }

  get session(): Session {
    return this.#use.session;
  }

  scopeOf(broker: string): Scope | null {
    return this.session.scopeOf(broker);
  }

  watch(listener: ScopeListener): Disposable {
    this.#listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  /** Switches to another session. Listeners are moved, broker by broker, before the former session is released. */
  move(use: SessionUse, brokers: readonly string[]): void {
    const former = this.#use;
    this.#watching[Symbol.dispose]();
    this.#use = use;
    this.#watching = this.#follow(use);
    for (const broker of brokers) {
      const scope = use.session.scopeOf(broker);
      if (scope !== former.session.scopeOf(broker)) this.#notify(broker, scope);
    }
    former[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
    this.#use[Symbol.dispose]();
  }

  #follow({ session }: SessionUse): Disposable {
    return session.watch((broker, scope) => {
      this.#notify(broker, scope);
    });
  }

  #notify(broker: string, scope: Scope | null): void {
    for (const listener of this.#listeners) listener(broker, scope);
  }
}

import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Principal } from './client.ts';
import { samePrincipal } from './client.ts';

export interface SessionsOptions {
  readonly clock: Clock;
  /** `sessions.idleTimeoutMs`: how long an unused session is kept. Read at each use, because it may change. */
  readonly idleTimeoutMs: number;
}

/** An account that a session holds open; disposed of when the session gives the broker up. */
export interface HeldScope {
  readonly scope: Scope;
  readonly hold: Disposable;
}

/** Called when a session's scope with a broker has changed; null: it has none any more. */
export type ScopeListener = (broker: string, scope: Scope | null) => void;

const TOKEN_BYTES = 32;
/**
 * The most sessions that hold credentials. Above it the one that has been idle longest ends; if none is idle, no more
 * are accepted.
 */
const MAX_SESSIONS = 20_000;
/** The most idle sessions of one owner (a principal, or the network of an address). */
const MAX_IDLE_OF_OWNER = 64;

/**
 * A session says who a client is, and which brokers it has given credentials for. A connection uses one session at a
 * time; another connection may use it too, if it has the session's token. A session without credentials is forgotten
 * with its last user, any other when it has been idle for long enough. Made and owned by `Sessions`.
 */
export class Session {
  readonly principal: Principal;
  /** The party whose share of the sessions it counts against. */
  readonly owner: string;
  #token: string | null = null;
  readonly #held = new Map<string, HeldScope>();
  readonly #listeners = new Set<ScopeListener>();
  users = 0;
  idle: Disposable | null = null;

  constructor(principal: Principal, owner: string) {
    this.principal = principal;
    this.owner = owner;
  }

  /** Opaque and secret. Made when it is first asked for. */
  get token(): string {
    this.#token ??= randomBytes(TOKEN_BYTES).toString('base64url');
    return this.#token;
  }

  /** True if somebody may have its token. */
  get isKnown(): boolean {
    return this.#token !== null;
  }

  get holdsCredentials(): boolean {
    return this.#held.size > 0;
  }

  /** The scope of the credentials that this client gave for the broker, or null. */
  scopeOf(broker: string): Scope | null {
    return this.#held.get(broker)?.scope ?? null;
  }

  /** Replaces what was held for the broker. Listeners are moved before the former account is released. */
  hold(broker: string, held: HeldScope): void {
    const before = this.#held.get(broker);
    this.#held.set(broker, held);
    if (before?.scope !== held.scope) this.#notify(broker, held.scope);
    before?.hold[Symbol.dispose]();
  }

  /** Returns false if nothing was held. */
  giveUp(broker: string): boolean {
    const before = this.#held.get(broker);
    if (before === undefined) return false;
    this.#held.delete(broker);
    this.#notify(broker, null);
    before.hold[Symbol.dispose]();
    return true;
  }

  giveUpAll(): void {
    for (const broker of this.#held.keys()) this.giveUp(broker);
  }

  watch(listener: ScopeListener): Disposable {
    this.#listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  #notify(broker: string, scope: Scope | null): void {
    for (const listener of this.#listeners) listener(broker, scope);
  }
}

/** All sessions, found by a digest of their token, so that no comparison reveals how close a guess was. */
export class Sessions implements Disposable {
  readonly #options: SessionsOptions;
  readonly #byDigest = new Map<string, Session>();
  /** Idle sessions by digest, all together and for each owner, the longest idle first. */
  readonly #idle = new Map<string, Session>();
  readonly #idleOf = new Map<string, Set<string>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /** Begins a session, used until disposed of. */
  begin(principal: Principal, { owner }: Asker): SessionUse {
    return this.#use(new Session(principal, owner));
  }

  /**
   * The session with this token, used until disposed of. Throws UNAUTHENTICATED if there is none (any more) or it
   * belongs to somebody else.
   */
  resume(token: string, principal: Principal): SessionUse {
    const session = this.#byDigest.get(digest(token));
    if (session === undefined || !samePrincipal(session.principal, principal)) {
      throw new GatewayError('UNAUTHENTICATED', 'There is no such session (any more): authenticate again.');
    }
    return this.#use(session);
  }

  /**
   * Makes the session hold an account, and findable by its token. Throws LIMIT_EXCEEDED if there are too many sessions,
   * and UNAUTHENTICATED if its last user has left meanwhile: then nobody would ever release it.
   */
  hold(session: Session, broker: string, held: HeldScope): void {
    if (session.users === 0) {
      held.hold[Symbol.dispose]();
      throw new GatewayError('UNAUTHENTICATED', 'The connection that these credentials came by has gone.');
    }
    const key = digest(session.token);
    if (!this.#byDigest.has(key) && this.#byDigest.size >= MAX_SESSIONS && !this.#endOldest(this.#idle.keys())) {
      held.hold[Symbol.dispose]();
      throw new GatewayError('LIMIT_EXCEEDED', 'There are too many sessions; try again later.');
    }
    this.#byDigest.set(key, session);
    session.hold(broker, held);
  }

  /** The time at which the session would end if nobody used it from now on, in wall milliseconds. */
  expiresAtMs(): number {
    return this.#options.clock.now() + this.#options.idleTimeoutMs;
  }

  [Symbol.dispose](): void {
    for (const session of this.#byDigest.values()) {
      session.idle?.[Symbol.dispose]();
      session.giveUpAll();
    }
    this.#byDigest.clear();
    this.#idle.clear();
    this.#idleOf.clear();
  }

  #use(session: Session): SessionUse {
    if (session.idle !== null) this.#wake(digest(session.token), session);
    session.users += 1;
    let used = true;
    return {
      session,
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        session.users -= 1;
        if (session.users === 0) this.#rest(session);
      },
    };
  }

  #rest(session: Session): void {
    // A client that was given the token may come back with it, even if the session holds nothing now.
    const key = session.isKnown ? digest(session.token) : '';
    if (this.#byDigest.get(key) !== session) return;
    session.idle = this.#options.clock.after(this.#options.idleTimeoutMs, () => {
      this.#end(key, session);
    });
    this.#idle.set(key, session);
    const ofOwner = this.#idleOf.get(session.owner) ?? new Set();
    this.#idleOf.set(session.owner, ofOwner.add(key));
    if (ofOwner.size > MAX_IDLE_OF_OWNER) this.#endOldest(ofOwner);
  }

  /** Returns false if there is none. */
  #endOldest(keys: Iterable<string>): boolean {
    for (const key of keys) {
      const session = this.#idle.get(key);
      if (session === undefined) continue;
      this.#end(key, session);
      return true;
    }
    return false;
  }

  #end(key: string, session: Session): void {
    this.#wake(key, session);
    this.#byDigest.delete(key);
    session.giveUpAll();
  }

  /** Ends the idle time of a session. */
  #wake(key: string, session: Session): void {
    session.idle?.[Symbol.dispose]();
    session.idle = null;
    this.#idle.delete(key);
    const ofOwner = this.#idleOf.get(session.owner);
    ofOwner?.delete(key);
    if (ofOwner?.size === 0) this.#idleOf.delete(session.owner);
  }
}

/** The use of a session, which does not expire before this is disposed of. */
export interface SessionUse extends Disposable {
  readonly session: Session;
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

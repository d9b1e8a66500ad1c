import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Principal } from './client.ts';
import { samePrincipal } from './client.ts';

export interface SessionsOptions {
  readonly clock: Clock;
  /** `sessions.idleTimeoutMs`: how long one is kept that nobody uses. */
  readonly idleTimeoutMs: number;
}

/** What holds a scope open; disposed of when the session gives the broker up. */
export interface HeldScope {
  readonly scope: Scope;
  readonly hold: Disposable;
}

/** Told when a session's scope with a broker has changed; null: it has none any more. */
export type ScopeListener = (broker: string, scope: Scope | null) => void;

const TOKEN_BYTES = 32;
/** Sessions that hold credentials: over it the one that has been idle longest goes, and without an idle one nobody is let in. */
const MAX_SESSIONS = 20_000;
/** Idle ones of one owner (the principal of a login, else the network of an address). */
const MAX_IDLE_OF_OWNER = 64;

/**
 * Who a client is, and which brokers it has given credentials. A connection uses one for as long as it lives; who has its
 * token may use it from elsewhere. Sessions that hold nothing are forgotten with their last user, the others when they
 * have been idle. Made and owned by `Sessions`.
 */
export class Session {
  readonly principal: Principal;
  /** Whose share of the sessions it is. */
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

  /** Opaque and secret. Few are ever asked for. */
  get token(): string {
    this.#token ??= randomBytes(TOKEN_BYTES).toString('base64url');
    return this.#token;
  }

  /** True where somebody may have its token. */
  get isKnown(): boolean {
    return this.#token !== null;
  }

  get holdsCredentials(): boolean {
    return this.#held.size > 0;
  }

  /** The scope of the credentials that this client gave the broker; null where it gave none. */
  scopeOf(broker: string): Scope | null {
    return this.#held.get(broker)?.scope ?? null;
  }

  /** Takes the place of what was held for the broker; who listens is moved before the old hold is let go. */
  hold(broker: string, held: HeldScope): void {
    const before = this.#held.get(broker);
    this.#held.set(broker, held);
    if (before?.scope !== held.scope) this.#tell(broker, held.scope);
    before?.hold[Symbol.dispose]();
  }

  /** False where nothing was held. */
  giveUp(broker: string): boolean {
    const before = this.#held.get(broker);
    if (before === undefined) return false;
    this.#held.delete(broker);
    this.#tell(broker, null);
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

  #tell(broker: string, scope: Scope | null): void {
    for (const listener of this.#listeners) listener(broker, scope);
  }
}

/** All sessions, found by a digest of their token, so that no comparison tells how near a guess was. */
export class Sessions implements Disposable {
  readonly #options: SessionsOptions;
  readonly #byDigest = new Map<string, Session>();
  /** By their digests, all together and for each owner, the longest idle first. */
  readonly #idle = new Map<string, Session>();
  readonly #idleOf = new Map<string, Set<string>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /** A session of the client's own, used until disposed of. */
  begin(principal: Principal, { owner }: Asker): SessionUse {
    return this.#use(new Session(principal, owner));
  }

  /**
   * The session with this token, used until disposed of. Throws UNAUTHENTICATED where there is none (any more) or it is
   * another's.
   */
  resume(token: string, principal: Principal): SessionUse {
    const session = this.#byDigest.get(digest(token));
    if (session === undefined || !samePrincipal(session.principal, principal)) {
      throw new GatewayError('UNAUTHENTICATED', 'There is no such session (any more): authenticate again.');
    }
    return this.#use(session);
  }

  /**
   * Lets the session hold a scope, and be found by its token. Throws LIMIT_EXCEEDED where there are too many, and
   * UNAUTHENTICATED where its last user left meanwhile: then nobody would ever let go of it.
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

  /** When the session would end if it were not used from now on, in wall milliseconds. */
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
    // Whoever was given the token may come back with it, be it that nothing is held just now.
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

  /** False where there is none. */
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

  /** It is idle no longer. */
  #wake(key: string, session: Session): void {
    session.idle?.[Symbol.dispose]();
    session.idle = null;
    this.#idle.delete(key);
    const ofOwner = this.#idleOf.get(session.owner);
    ofOwner?.delete(key);
    if (ofOwner?.size === 0) this.#idleOf.delete(session.owner);
  }
}

/** A session in use: it does not expire before this is disposed of. */
export interface SessionUse extends Disposable {
  readonly session: Session;
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

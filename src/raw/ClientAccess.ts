import type { ScopeListener, Session, SessionUse } from '../core/Sessions.ts';
import type { BrokerAccess } from '../core/subscription.ts';
import type { Scope } from '../market/streamKey.ts';

/**
 * What one connection may use of the brokers: all that its session holds, whichever session that is just now. Who watches
 * is told of the session's changes, and of what differs when the connection takes up another one.
 */
export class ClientAccess implements BrokerAccess, Disposable {
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

  /** Takes up another session; who watches is moved, broker by broker, before the former one is let go. */
  move(use: SessionUse, brokers: readonly string[]): void {
    const former = this.#use;
    this.#watching[Symbol.dispose]();
    this.#use = use;
    this.#watching = this.#follow(use);
    for (const broker of brokers) {
      const scope = use.session.scopeOf(broker);
      if (scope !== former.session.scopeOf(broker)) this.#tell(broker, scope);
    }
    former[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
    this.#use[Symbol.dispose]();
  }

  #follow({ session }: SessionUse): Disposable {
    return session.watch((broker, scope) => {
      this.#tell(broker, scope);
    });
  }

  #tell(broker: string, scope: Scope | null): void {
    for (const listener of this.#listeners) listener(broker, scope);
  }
}

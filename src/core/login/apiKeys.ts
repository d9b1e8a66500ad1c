import { createHash, timingSafeEqual } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { GatewayError } from '../../shared/errors.ts';
import { addTo } from '../../shared/sums.ts';
import type { ClientAddress, Limits, Principal } from '../client.ts';

/** Limits that replace some of the general ones. */
export type PartialLimits = { readonly [Name in keyof Limits]?: number | undefined };

/** An item of `auth.apiKeys`. */
export interface ApiKeySettings {
  readonly id: string;
  /** The SHA-256 digest of the whole key, in hexadecimal. */
  readonly sha256: string;
  readonly roles: readonly string[];
  readonly limits: PartialLimits;
}

/** The result of a successful login. */
export interface LoggedIn {
  readonly principal: Principal;
  /** The limits of the API key; null if the general limits apply. */
  readonly limits: PartialLimits | null;
}

/** Follows the API key that a client is logged in with. */
export interface KeyListener {
  /** The key grants other roles or limits from now on. */
  readonly changed: (login: LoggedIn) => void;
  /** The key is not accepted any more. */
  readonly revoked: () => void;
}

interface ApiKey {
  readonly id: string;
  readonly digest: Buffer;
  readonly login: LoggedIn;
  /** The clients that are logged in with the key. The set stays the same as long as the key does. */
  readonly listeners: Set<KeyListener>;
}

/** The API keys of the configuration. It knows only their digests. */
export class ApiKeyRing {
  #keys: readonly ApiKey[] = [];
  /** Finds the key of a login, also of one that grants something else by now. */
  readonly #listeners = new WeakMap<LoggedIn, ApiKey['listeners']>();

  constructor(keys: readonly ApiKeySettings[]) {
    this.#keys = keys.map((key) => this.#keyOf(key));
  }

  /** Accepts these keys from now on. A key with another digest is another key, whatever its id. */
  replace(keys: readonly ApiKeySettings[]): void {
    const former = this.#keys;
    this.#keys = keys.map((key) => this.#keyOf(key));
    for (const { login, listeners } of former) {
      const next = this.#keys.find((key) => key.listeners === listeners);
      for (const listener of listeners) {
        if (next === undefined) listener.revoked();
        else if (next.login !== login) listener.changed(next.login);
      }
    }
  }

  /** Follows the key of a login until disposed of. Null if it was revoked meanwhile. */
  watch(login: LoggedIn, listener: KeyListener): Disposable | null {
    const listeners = this.#listeners.get(login);
    const key = this.#keys.find((each) => each.listeners === listeners);
    if (key === undefined) return null;
    key.listeners.add(listener);
    if (key.login !== login) listener.changed(key.login);
    return {
      [Symbol.dispose]: () => {
        key.listeners.delete(listener);
      },
    };
  }

  /** How many keys are configured. */
  get size(): number {
    return this.#keys.length;
  }

  /** Finds the login of a key, or null. It takes the same time for every key, because all digests are compared in full. */
  find(apiKey: string): LoggedIn | null {
    const presented = createHash('sha256').update(apiKey, 'utf8').digest();
    let found: LoggedIn | null = null;
    for (const { digest, login } of this.#keys) {
      if (timingSafeEqual(digest, presented)) found = login;
    }
    return found;
  }

  #keyOf({ id, sha256, roles, limits }: ApiKeySettings): ApiKey {
    const digest = Buffer.from(sha256, 'hex');
    const former = this.#keys.find((key) => key.id === id && key.digest.equals(digest));
    const login: LoggedIn = {
      principal: { kind: 'apiKey', id, roles },
      limits: Object.keys(limits).length === 0 ? null : limits,
    };
    if (former !== undefined && isDeepStrictEqual(former.login, login)) return former;
    const listeners = former?.listeners ?? new Set();
    this.#listeners.set(login, listeners);
    return { id, digest, login, listeners };
  }
}

/** Counts the connections of each API key with limits of its own, in total and for each address. */
export class KeyConnections {
  readonly #open = new Map<string, number>();

  /** Takes a place for one connection, which is free again once disposed of. Throws LIMIT_EXCEEDED. */
  take({ principal, limits }: LoggedIn, { address }: ClientAddress): Disposable {
    using places = new DisposableStack();
    if (principal.kind === 'apiKey') {
      const { id } = principal;
      places.use(this.#place(id, limits?.connections, 'at a time'));
      places.use(this.#place(`${id} ${address}`, limits?.connectionsPerAddress, 'at a time from one address'));
    }
    return places.move();
  }

  #place(name: string, most: number | undefined, when: string): Disposable | null {
    if (most === undefined) return null;
    const open = this.#open.get(name) ?? 0;
    if (open >= most) throw new GatewayError('LIMIT_EXCEEDED', `This API key may have ${most} connections ${when}.`);
    addTo(this.#open, name, 1);
    const place = new DisposableStack();
    place.defer(() => {
      addTo(this.#open, name, -1);
    });
    return place;
  }
}

/**
 * The limits that apply to a client: those of its login (null if it has none) in place of the general ones. Both may change while
 * the client is connected, so compute them at each use.
 */
export function limitsOf(own: PartialLimits | null, general: Limits): Limits {
  if (own === null) return general;
  return { ...general, ...Object.fromEntries(Object.entries(own).filter(([, most]) => most !== undefined)) };
}

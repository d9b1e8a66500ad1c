import { createHash, timingSafeEqual } from 'node:crypto';
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

/** The API keys of the configuration. It knows only their digests. */
export class ApiKeyRing {
  readonly #keys: readonly { readonly digest: Buffer; readonly login: LoggedIn }[];

  constructor(keys: readonly ApiKeySettings[]) {
    this.#keys = keys.map(({ id, sha256, roles, limits }) => ({
      digest: Buffer.from(sha256, 'hex'),
      login: {
        principal: { kind: 'apiKey', id, roles },
        limits: Object.keys(limits).length === 0 ? null : limits,
      },
    }));
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

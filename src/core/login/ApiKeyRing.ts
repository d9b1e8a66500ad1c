import { createHash, timingSafeEqual } from 'node:crypto';
import type { Limits, Principal } from '../client.ts';

/** Some of `limits`, in place of the general ones. */
export type PartialLimits = { readonly [Name in keyof Limits]?: number | undefined };

/** An item of `auth.apiKeys`. */
export interface ApiKeySettings {
  readonly id: string;
  /** Of the whole key, in hexadecimal. */
  readonly sha256: string;
  readonly roles: readonly string[];
  readonly limits: PartialLimits;
}

export interface LoggedIn {
  readonly principal: Principal;
  /** Those of the API key; null where it has none of its own. */
  readonly limits: PartialLimits | null;
}

/** The API keys of the configuration. Holds their digests alone. */
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

  get size(): number {
    return this.#keys.length;
  }

  /** Null where there is no such key. Takes as long whichever it is: every digest is compared, whole. */
  find(apiKey: string): LoggedIn | null {
    const presented = createHash('sha256').update(apiKey, 'utf8').digest();
    let found: LoggedIn | null = null;
    for (const { digest, login } of this.#keys) {
      if (timingSafeEqual(digest, presented)) found = login;
    }
    return found;
  }
}

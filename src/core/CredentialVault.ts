import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { BrokerCredentials, CredentialSource } from '../market/credentials.ts';
import type { Scope } from '../market/marketData.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const credentialsSchema = z.object({
  apiKey: z.string().nullable(),
  apiSecret: z.string().nullable(),
  accountId: z.string().nullable(),
  token: z.string().nullable(),
});

/**
 * Keeps credentials encrypted in memory, with keys that exist only in this process and off the JavaScript heap. Text
 * that passed through JavaScript on its way here can't be wiped; docs/security.md says what remains of it and for how
 * long.
 */
export class CredentialVault {
  readonly #sealKey: KeyObject = createSecretKey(randomBytes(KEY_BYTES));
  readonly #scopeKey: KeyObject = createSecretKey(randomBytes(KEY_BYTES));

  /** A keyed hash: equal for the same credentials with the same broker, and it reveals nothing about them. */
  scopeOf(broker: string, { apiKey, apiSecret, accountId, token }: BrokerCredentials): Scope {
    return createHmac('sha256', this.#scopeKey)
      .update(JSON.stringify([broker, apiKey, apiSecret, accountId, token]))
      .digest('base64url');
  }

  /** `purpose` is bound to the sealed credentials: they can't be opened for another one. */
  seal(credentials: BrokerCredentials, purpose: string): SealedCredentials {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#sealKey, nonce).setAAD(Buffer.from(purpose));
    const plain = Buffer.from(JSON.stringify(credentials));
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    plain.fill(0);
    return new SealedCredentials({ key: this.#sealKey, nonce, sealed, tag: cipher.getAuthTag(), purpose });
  }
}

/** Credentials that only their holder can use, until they are wiped. */
export class SealedCredentials implements CredentialSource, Disposable {
  #parts: { key: KeyObject; nonce: Buffer; sealed: Buffer; tag: Buffer; purpose: string } | null;

  constructor(parts: { key: KeyObject; nonce: Buffer; sealed: Buffer; tag: Buffer; purpose: string }) {
    this.#parts = parts;
  }

  /** Throws if the credentials were wiped. */
  use<T>(task: (credentials: BrokerCredentials) => T): T {
    if (this.#parts === null) throw new Error('these credentials were wiped');
    const { key, nonce, sealed, tag, purpose } = this.#parts;
    const decipher = createDecipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(purpose)).setAuthTag(tag);
    const plain = Buffer.concat([decipher.update(sealed), decipher.final()]);
    try {
      return task(credentialsSchema.parse(JSON.parse(plain.toString('utf8'))));
    } finally {
      plain.fill(0);
    }
  }

  /** May be called again. */
  [Symbol.dispose](): void {
    this.#parts?.sealed.fill(0);
    this.#parts = null;
  }
}

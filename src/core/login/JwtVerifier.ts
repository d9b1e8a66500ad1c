import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import type { Clock } from '../../shared/clock.ts';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS, readPublicKey, usableAlgorithms } from '../../shared/jwtKeys.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Principal } from '../client.ts';
import { KeysUnavailableError, RemoteKeys } from './RemoteKeys.ts';

/** `auth.jwt`. The configuration ensures that exactly one of the first three is given, and that it is usable. */
export interface JwtSettings {
  readonly jwksUrl: string | null;
  readonly secret: string | null;
  readonly publicKey: string | null;
  readonly issuer: string | null;
  readonly audience: string | readonly string[] | null;
  readonly algorithms: readonly string[] | null;
}

/** The principal of a token. */
export type JwtPrincipal = Extract<Principal, { readonly kind: 'jwt' }>;

/**
 * The result of checking a token. `refused`: it is not the issuer's. `unsuitable`: it is, but has expired or is not meant for this
 * gateway. `reason` is for the log; a client never learns which check failed.
 */
export type JwtVerdict =
  | { readonly kind: 'accepted'; readonly principal: JwtPrincipal }
  | { readonly kind: 'refused' | 'unsuitable'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number };

/** The tolerated difference between the issuer's clock and ours: a login starts earlier and ends later by this much. */
export const CLOCK_TOLERANCE_MS = 30_000;

const MAX_TOKEN_LENGTH = 8_192;
/** If a token does not name its key, so many of those that fit are tried. */
const MAX_KEYS_TRIED = 32;
/** The latest time that a Date can represent. */
const MAX_TIME_MS = 8_640_000_000_000_000;

/**
 * Verifies JSON Web Tokens with the key or key set and the algorithms of the configuration. It keeps nothing of a token, because
 * verifying one again takes a fraction of a millisecond.
 */
export class JwtVerifier implements Disposable {
  readonly #clock: Clock;
  readonly #key: KeyObject | JWTVerifyGetKey;
  readonly #remote: RemoteKeys | null;
  readonly #options: JWTVerifyOptions;

  constructor(options: { readonly settings: JwtSettings; readonly clock: Clock; readonly logger: Logger }) {
    const { settings, clock, logger } = options;
    this.#clock = clock;
    this.#remote = settings.jwksUrl === null ? null : new RemoteKeys({ url: settings.jwksUrl, clock, logger });
    const { key, algorithms } = this.#remote === null ? fixedKey(settings) : remoteKey(this.#remote);
    this.#key = key;
    this.#options = verifyOptions(settings, usableAlgorithms(algorithms, settings.algorithms));
  }

  /** Checks a token. It never rejects. */
  async verify(token: string): Promise<JwtVerdict> {
    if (token.length > MAX_TOKEN_LENGTH) return { kind: 'refused', reason: 'too long' };
    try {
      return judge(await this.#payloadOf(token));
    } catch (error) {
      return verdictFor(error);
    }
  }

  [Symbol.dispose](): void {
    this.#remote?.[Symbol.dispose]();
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    const keys = this.#remote?.keys ?? null;
    try {
      return await this.#verifyWithAny(token);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      // Tokens that don't name their key show only by this that the issuer may have other keys by now.
      const { kid } = decodeProtectedHeader(token);
      if (this.#remote === null || !(await this.#remote.fetchNewer(keys, kid))) throw error;
      return await this.#verifyWithAny(token);
    }
  }

  /** Naming the key is optional (RFC 7515, 4.1.4), so several may fit. Rejects with jose's errors. */
  async #verifyWithAny(token: string): Promise<JWTPayload> {
    try {
      return await this.#verifyWith(this.#key, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      return await this.#verifyWithOneOf(error, token);
    }
  }

  async #verifyWithOneOf(keys: AsyncIterable<CryptoKey>, token: string): Promise<JWTPayload> {
    let tried = 0;
    for await (const key of keys) {
      try {
        return await this.#verifyWith(key, token);
      } catch (error) {
        // Claims are looked at after the signature.
        if (isAboutClaims(error)) throw error;
      }
      tried += 1;
      if (tried === MAX_KEYS_TRIED) break;
    }
    throw new errors.JWSSignatureVerificationFailed();
  }

  async #verifyWith(key: Key['key'] | CryptoKey, token: string): Promise<JWTPayload> {
    const options = { ...this.#options, currentDate: new Date(this.#clock.now()) };
    // jose has a signature for a key and one for a function that finds it.
    const { payload } =
      typeof key === 'function' ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options);
    return payload;
  }
}

type ClaimsError = errors.JWTExpired | errors.JWTClaimValidationFailed;

function isAboutClaims(error: unknown): error is ClaimsError {
  return error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
}

/** The error is not kept even as a cause, because messages of jose and JSON.parse quote their input. */
function verdictFor(error: unknown): JwtVerdict {
  if (error instanceof KeysUnavailableError) return { kind: 'unavailable', retryAfterMs: error.retryAfterMs };
  if (error instanceof errors.JWTExpired) return { kind: 'unsuitable', reason: error.code };
  if (isAboutClaims(error)) return { kind: 'unsuitable', reason: claimInWords(error) };
  return { kind: 'refused', reason: error instanceof errors.JOSEError ? error.code : 'unusable key' };
}

/** The claim is one that this gateway requires or knows: the token can't choose the name. */
function claimInWords({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `claim ${claim} is missing`;
  if (reason === 'invalid') return `claim ${claim} is malformed`;
  if (claim === 'nbf') return 'claim nbf: the token is not valid yet';
  return `claim ${claim} has another value than configured`;
}

/** A key or key set, and the algorithms that it can be used with. */
interface Key {
  readonly key: KeyObject | JWTVerifyGetKey;
  readonly algorithms: readonly string[];
}

function remoteKey({ find }: RemoteKeys): Key {
  return { key: find, algorithms: PUBLIC_KEY_ALGORITHMS };
}

function fixedKey({ secret, publicKey }: JwtSettings): Key {
  if (secret !== null) return { key: createSecretKey(secret, 'utf8'), algorithms: SECRET_ALGORITHMS };
  const key = publicKey === null ? null : readPublicKey(publicKey);
  if (key === null) throw new RangeError('auth.jwt has no key to verify tokens with');
  return key;
}

function verifyOptions({ issuer, audience }: JwtSettings, algorithms: readonly string[]): JWTVerifyOptions {
  return {
    algorithms: [...algorithms],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_MS / 1_000,
    ...(issuer === null ? {} : { issuer }),
    ...(audience === null ? {} : { audience: typeof audience === 'string' ? audience : [...audience] }),
  };
}

/** Checks what jose leaves to its user, after the signature was verified. */
function judge({ iss, sub, exp, ...claims }: JWTPayload): JwtVerdict {
  const expiresAtMs = (exp ?? Number.NaN) * 1_000;
  if (typeof sub !== 'string' || sub === '') return { kind: 'unsuitable', reason: 'claim sub is empty or no text' };
  if (!(expiresAtMs <= MAX_TIME_MS)) return { kind: 'unsuitable', reason: 'claim exp is beyond all time' };
  const issuer = typeof iss === 'string' ? iss : null;
  return {
    kind: 'accepted',
    principal: { kind: 'jwt', issuer, subject: sub, roles: rolesOf(claims.roles), expiresAtMs },
  };
}

/** The names in the claim `roles`. Anything but a list of text gives no role. */
function rolesOf(claim: unknown): readonly string[] {
  return Array.isArray(claim) ? claim.filter((role) => typeof role === 'string') : [];
}

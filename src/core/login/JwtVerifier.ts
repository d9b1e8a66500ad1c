import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import type { Clock } from '../../shared/clock.ts';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS, readPublicKey, usableAlgorithms } from '../../shared/jwtKeys.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Principal } from '../client.ts';
import { KeysUnavailableError, RemoteKeys } from './RemoteKeys.ts';

/** `auth.jwt`: one of the first three is given, and is good for what it is there for: the configuration sees to that. */
export interface JwtSettings {
  readonly jwksUrl: string | null;
  readonly secret: string | null;
  readonly publicKey: string | null;
  readonly issuer: string | null;
  readonly audience: string | readonly string[] | null;
  readonly algorithms: readonly string[] | null;
}

export type JwtPrincipal = Extract<Principal, { readonly kind: 'jwt' }>;

export type JwtVerdict =
  | { readonly kind: 'accepted'; readonly principal: JwtPrincipal }
  /** `reason`: of a small set, for the log; a client is never told which check failed. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number };

/** How far the issuer's clock may be from ours: a login begins so much earlier and ends so much later than it says. */
export const CLOCK_TOLERANCE_MS = 30_000;

const MAX_TOKEN_LENGTH = 8_192;
/** The last moment that a Date can hold. */
const MAX_TIME_MS = 8_640_000_000_000_000;

/**
 * Verifies JSON Web Tokens with the one key, or key set, of the configuration, by the algorithms of the configuration, at
 * the time of the clock. Nothing of a token is kept: verifying one again costs a fraction of a millisecond.
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

  /** Never rejects. */
  async verify(token: string): Promise<JwtVerdict> {
    if (token.length > MAX_TOKEN_LENGTH) return { kind: 'refused', reason: 'too long' };
    try {
      const currentDate = new Date(this.#clock.now());
      const { payload } = await jwtVerify(token, this.#key, { ...this.#options, currentDate });
      return judge(payload);
    } catch (error) {
      if (error instanceof KeysUnavailableError) return { kind: 'unavailable', retryAfterMs: error.retryAfterMs };
      // Not even as a cause: messages of jose and of JSON.parse quote what they were given.
      return { kind: 'refused', reason: error instanceof errors.JOSEError ? error.code : 'unusable key' };
    }
  }

  [Symbol.dispose](): void {
    this.#remote?.[Symbol.dispose]();
  }
}

/** What tokens are verified with, and the algorithms that it is good for. */
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
  if (key === null) throw new RangeError('auth.jwt has no key that tokens could be verified with');
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

/** Of claims that are signed by who may: what jose leaves to the user. */
function judge({ iss, sub, exp, ...claims }: JWTPayload): JwtVerdict {
  const expiresAtMs = (exp ?? Number.NaN) * 1_000;
  if (typeof sub !== 'string' || sub === '' || !(expiresAtMs <= MAX_TIME_MS)) {
    return { kind: 'refused', reason: 'unusable claims' };
  }
  const issuer = typeof iss === 'string' ? iss : null;
  return {
    kind: 'accepted',
    principal: { kind: 'jwt', issuer, subject: sub, roles: rolesOf(claims.roles), expiresAtMs },
  };
}

/** What is no list of names gives no role. */
function rolesOf(claim: unknown): readonly string[] {
  return Array.isArray(claim) ? claim.filter((role) => typeof role === 'string') : [];
}

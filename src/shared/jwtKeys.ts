import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

// Algorithms are grouped by the kind of key, so that a public key is never used as a shared secret.

/** The algorithms that verify with a shared secret. */
export const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
/** The algorithms that verify with a public key. */
export const PUBLIC_KEY_ALGORITHMS = [...RSA_ALGORITHMS, 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const;
/** Two names of one algorithm: the one of RFC 8037, and the one that RFC 9864 put in its place. */
const ED25519_ALGORITHMS: readonly unknown[] = ['EdDSA', 'Ed25519'];

/** The algorithms that are allowed if `auth.jwt.algorithms` is left out. */
const DEFAULT_ALGORITHMS: readonly unknown[] = ['HS256', 'RS256', 'ES256'];
const MIN_RSA_BITS = 2_048;
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** A key that verifies tokens, and the algorithms that it can be used with (at least one). */
export interface PublicKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

/** The algorithms of a key that `auth.jwt.algorithms` allows. The header of a token alone never decides. */
export function usableAlgorithms(fitting: readonly string[], wanted: readonly unknown[] | null): readonly string[] {
  const names = wanted ?? DEFAULT_ALGORITHMS;
  const allowed = names.some((name) => ED25519_ALGORITHMS.includes(name)) ? [...names, ...ED25519_ALGORITHMS] : names;
  return fitting.filter((algorithm) => allowed.includes(algorithm));
}

/** Reads a public key or a certificate in PEM format. Returns null for a private key, and for a key that no algorithm fits. */
export function readPublicKey(pem: string): PublicKey | null {
  if (/PRIVATE KEY-----/.test(pem)) return null;
  try {
    const key = createPublicKey(pem);
    const algorithms = algorithmsOf(key);
    return algorithms.length === 0 ? null : { key, algorithms };
  } catch {
    return null;
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (asymmetricKeyType === 'rsa') {
    return (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS ? [] : RSA_ALGORITHMS;
  }
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519'];
  const algorithm = CURVE_ALGORITHMS[asymmetricKeyDetails?.namedCurve ?? ''];
  return algorithm === undefined ? [] : [algorithm];
}

import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

// By where the key comes from, so that a public key is never taken for a shared secret.

export const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
export const PUBLIC_KEY_ALGORITHMS = [...RSA_ALGORITHMS, 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

/** What `auth.jwt.algorithms` means where it is left out. */
const DEFAULT_ALGORITHMS: readonly unknown[] = ['HS256', 'RS256', 'ES256'];
const MIN_RSA_BITS = 2_048;
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** A key that tokens are verified with, and the algorithms that it is good for: at least one. */
export interface PublicKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

/** Those of a key's algorithms that `auth.jwt.algorithms` allows: a token's word alone never chooses one. */
export function usableAlgorithms(fitting: readonly string[], wanted: readonly unknown[] | null): readonly string[] {
  return fitting.filter((algorithm) => (wanted ?? DEFAULT_ALGORITHMS).includes(algorithm));
}

/** From PEM, a certificate's too. Null where it is no public key (a private one is none) or fits no algorithm. */
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
  const algorithm =
    asymmetricKeyType === 'ed25519' ? 'EdDSA' : CURVE_ALGORITHMS[asymmetricKeyDetails?.namedCurve ?? ''];
  return algorithm === undefined ? [] : [algorithm];
}

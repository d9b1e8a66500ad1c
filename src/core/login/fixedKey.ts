import { createPublicKey, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const SECRET_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512'];
const RSA_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const MIN_RSA_BITS = 2_048;
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** What `auth.jwt.algorithms` means where it is left out. */
const DEFAULT_SECRET_ALGORITHMS: readonly string[] = ['HS256'];
const DEFAULT_PUBLIC_ALGORITHMS: readonly string[] = ['RS256', 'ES256'];

/** A key that tokens are verified with, and the algorithms that it is good for: a token's word alone never chooses one. */
export interface FixedKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

/** `auth.jwt.secret`. Throws a RangeError where no algorithm fits it. */
export function secretKey(secret: string, wanted: readonly string[] | null): FixedKey {
  return {
    key: createSecretKey(secret, 'utf8'),
    algorithms: fitting(SECRET_ALGORITHMS, wanted ?? DEFAULT_SECRET_ALGORITHMS),
  };
}

/** `auth.jwt.publicKey`: PEM, a certificate too. Throws a RangeError where it is no such key, or no algorithm fits it. */
export function publicKey(pem: string, wanted: readonly string[] | null): FixedKey {
  if (/PRIVATE KEY-----/.test(pem)) {
    throw new RangeError('auth.jwt.publicKey is a private key: give its public half, and keep that one elsewhere');
  }
  const key = readPem(pem);
  return { key, algorithms: fitting(algorithmsOf(key), wanted ?? DEFAULT_PUBLIC_ALGORITHMS) };
}

/** The algorithms that keys fetched from elsewhere may be used with. */
export function publicAlgorithms(wanted: readonly string[] | null): readonly string[] {
  return (wanted ?? DEFAULT_PUBLIC_ALGORITHMS).filter((algorithm) => !SECRET_ALGORITHMS.includes(algorithm));
}

function fitting(possible: readonly string[], wanted: readonly string[]): readonly string[] {
  const algorithms = wanted.filter((algorithm) => possible.includes(algorithm));
  if (algorithms.length > 0) return algorithms;
  const fit = possible.length === 0 ? 'no algorithm fits' : `only ${possible.join(', ')} would fit`;
  throw new RangeError(`auth.jwt.algorithms: none of ${wanted.join(', ')} fits the key; ${fit}`);
}

/** The library's own words for what is wrong may quote what it was given. */
function readPem(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new RangeError('auth.jwt.publicKey is not a public key in PEM format');
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

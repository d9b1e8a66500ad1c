import { createHmac, createPrivateKey, createSecretKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** What the venue shows once as the secret of an HMAC key; its own have 64 letters and digits. */
const HMAC_SECRET = /^[!-~]{1,512}$/;
/** That of an Ed25519 key has some 120 characters, the longest of an RSA key some 3300. */
const LONGEST_PEM = 4_096;
/** The venue takes no others; what a longer one costs to sign with grows with the cube of its length. */
const RSA_BITS = { least: 2_048, most: 4_096 };

/**
 * What a client gave as its secret, ready to sign with: an HMAC secret, or an Ed25519 or RSA private key as PEM (which has
 * white space in it, as no HMAC secret has). Null where it is none of these.
 */
export function toSigningKey(secret: string): KeyObject | null {
  if (HMAC_SECRET.test(secret)) return createSecretKey(secret, 'utf8');
  return secret.length <= LONGEST_PEM ? privateKey(secret.trim()) : null;
}

/**
 * As the venue asks for it, before it is encoded for a URL: HMAC-SHA256 in lower-case hex; Ed25519, or RSASSA-PKCS1-v1_5 with
 * SHA-256, in base64.
 */
export function signatureOf(payload: string, key: KeyObject): string {
  if (key.type === 'secret') return createHmac('sha256', key).update(payload).digest('hex');
  const digest = key.asymmetricKeyType === 'rsa' ? 'sha256' : null;
  return sign(digest, Buffer.from(payload), key).toString('base64');
}

/**
 * A query with its signature. What is signed are the bytes that are sent: values are encoded first, the order stays, and the
 * signature comes last.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
 */
export function signQuery(parameters: Readonly<Record<string, string | number>>, key: KeyObject): string {
  const payload = Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return `${payload}&signature=${encodeURIComponent(signatureOf(payload, key))}`;
}

/** Null for what is no private key, one of another kind, and one that takes a passphrase to open. */
function privateKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem);
    if (!isSupported(key)) return null;
    // An RSA key whose numbers don't belong together is told only when it is used.
    signatureOf('', key);
    return key;
  } catch {
    return null;
  }
}

function isSupported({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return (
    asymmetricKeyType === 'ed25519' || (asymmetricKeyType === 'rsa' && bits >= RSA_BITS.least && bits <= RSA_BITS.most)
  );
}

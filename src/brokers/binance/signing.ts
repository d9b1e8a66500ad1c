import { createHmac, createPrivateKey, createSecretKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** What the venue shows once as the secret of an HMAC key; its own have 64 letters and digits. */
const HMAC_SECRET = /^[!-~]{1,512}$/;
/** That of an Ed25519 key has some 120 characters. */
const LONGEST_PEM = 4_096;

/**
 * What a client gave as its secret, ready to sign with: an HMAC secret, or an Ed25519 private key as PEM (which has white
 * space in it, as no HMAC secret has). Null where it is neither; RSA keys are not supported.
 */
export function toSigningKey(secret: string): KeyObject | null {
  if (HMAC_SECRET.test(secret)) return createSecretKey(secret, 'utf8');
  const key = secret.length <= LONGEST_PEM ? privateKey(secret.trim()) : null;
  return key?.asymmetricKeyType === 'ed25519' ? key : null;
}

/** As the venue asks for it, before it is encoded for a URL: HMAC-SHA256 in lower-case hex, Ed25519 in base64. */
export function signatureOf(payload: string, key: KeyObject): string {
  return key.type === 'secret'
    ? createHmac('sha256', key).update(payload).digest('hex')
    : sign(null, Buffer.from(payload), key).toString('base64');
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

/** Null for what is no private key, or one that takes a passphrase to open. */
function privateKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

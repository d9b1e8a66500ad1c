import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicAlgorithms, publicKey, secretKey } from '../../../../src/core/login/fixedKey.ts';
import { EC, RSA, SECRET, pemOf } from './issuer.ts';

describe('the algorithms of a key', () => {
  it.each<[string, () => readonly string[], readonly string[]]>([
    ['a secret, as a rule', () => secretKey(SECRET, null).algorithms, ['HS256']],
    ['a secret', () => secretKey(SECRET, ['HS512']).algorithms, ['HS512']],
    ['RSA, as a rule', () => publicKey(pemOf(RSA), null).algorithms, ['RS256']],
    ['RSA', () => publicKey(pemOf(RSA), ['PS512', 'ES256', 'HS256']).algorithms, ['PS512']],
    ['a curve, as a rule', () => publicKey(pemOf(EC), null).algorithms, ['ES256']],
    ['Ed25519', () => publicKey(pemOf(generateKeyPairSync('ed25519')), ['EdDSA']).algorithms, ['EdDSA']],
    ['a remote key, as a rule', () => publicAlgorithms(null), ['RS256', 'ES256']],
    ['a remote key is never a shared secret', () => publicAlgorithms(['HS256', 'ES256']), ['ES256']],
  ])('are only those that are wanted and that it is good for: %s', (_name, algorithms, expected) => {
    expect(algorithms()).toEqual(expected);
  });
});

describe('a key that could never verify anything is told at the start', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'no PEM',
      () => publicKey('-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----', null),
      /not a public key/,
    ],
    ['another kind', () => publicKey(pemOf(RSA), ['ES256']), /none of ES256 fits the key; only RS256/],
    [
      'a short RSA key',
      () => publicKey(pemOf(generateKeyPairSync('rsa', { modulusLength: 1_024 })), null),
      /no algorithm fits/,
    ],
    ['a secret for signatures', () => secretKey(SECRET, ['RS256']), /none of RS256/],
    [
      'a private key',
      () => publicKey(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), null),
      /is a private key/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(message);
  });
});
